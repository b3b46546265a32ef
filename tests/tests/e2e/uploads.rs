//! Files people bring, and how stored files are served.

use serde_json::{Value, json};
use tests::{Account, Answer, Edge, picture, size_of, unique};

async fn upload(ann: &Account, kind: &str, file: Vec<u8>) -> Answer {
    ann.call("POST", "/api/uploads").body(kind, file).send().await
}

fn url(upload: &Value) -> String {
    upload["url"].as_str().expect("a url").to_owned()
}

#[tokio::test]
async fn a_picture_is_stored_and_served_with_etag_and_ranges() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let made = upload(&ann, "image/png", picture(40, 30, 1)).await.expect(201).json();
    let url = url(&made);
    assert!(url.starts_with("/files/"));
    let whole = edge.get(&url).send().await.expect(200);
    assert_eq!((whole.header("content-type"), size_of(&whole.bytes)), ("image/png", (40, 30)));
    assert!(whole.header("cache-control").contains("immutable"));
    assert_eq!(made["size"], json!(whole.bytes.len()));

    let etag = whole.header("etag").to_owned();
    assert!(!etag.is_empty());
    let known = edge.get(&url).header("if-none-match", &etag).send().await.expect(304);
    assert!(known.bytes.is_empty());
    let part = edge.get(&url).header("range", "bytes=8-15").send().await.expect(206);
    assert_eq!(part.bytes, whole.bytes[8..16]);
    assert_eq!(part.header("content-range"), format!("bytes 8-15/{}", whole.bytes.len()));
    let end = edge.get(&url).header("range", "bytes=-4").send().await.expect(206);
    assert_eq!(end.bytes, whole.bytes[whole.bytes.len() - 4..]);
    edge.get(&url).header("range", "bytes=99999999-").send().await.expect(416);
    let head = edge.call("HEAD", &url).send().await.expect(200);
    assert_eq!(
        (head.header("etag"), head.header("content-length")),
        (etag.as_str(), whole.bytes.len().to_string().as_str())
    );
    assert!(head.bytes.is_empty());
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let ann = Edge::shared().sign_up("ann").await;
    let whole = picture(16, 16, 2);
    let cut = whole[..whole.len() / 2].to_vec();
    for (kind, file) in
        [("image/png", b"<svg onload=alert(1)>".to_vec()), ("image/png", cut), ("text/html", b"<p>".to_vec())]
    {
        let refused = upload(&ann, kind, file).await;
        assert!(refused.status == 400 || refused.status == 415, "{}: {}", refused.status, refused.text());
        refused.error();
    }
    ann.edge.call("POST", "/api/uploads").body("image/png", whole).send().await.refused(401, "unauthenticated");
    assert_eq!(ann.get("/api/uploads").send().await.expect(200).json()["total"], 0);
}

#[tokio::test]
async fn an_upload_is_its_owners_alone_and_its_link_ends_with_it() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let made = upload(&ann, "image/png", picture(8, 8, 3)).await.expect(201).json();
    let (url, path) = (url(&made), format!("/api/uploads/{}", made["id"]));
    bob.get(&path).send().await.refused(404, "not_found");
    bob.delete(&path).send().await.refused(404, "not_found");
    edge.get(&url).send().await.expect(200);
    ann.delete(&path).send().await.expect(204);
    edge.get(&url).send().await.refused(404, "not_found");
    for never in ["/files/up/0123456789abcdef0123456789abcdef.png", "/files/../secret", "/files/", "/files/up/x.png"] {
        assert_eq!(edge.get(never).send().await.status, 404, "{never}");
    }
}

#[tokio::test]
async fn a_form_and_a_key_give_one_upload() {
    let ann = Edge::shared().sign_up("ann").await;
    let (key, file) = (unique("key"), picture(12, 12, 4));
    let mut form = b"--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n".to_vec();
    form.extend(&file);
    form.extend(b"\r\n--edge--\r\n");
    let send = || {
        let call = ann.call("POST", "/api/uploads").header("idempotency-key", &key);
        call.body("multipart/form-data; boundary=edge", form.clone()).send()
    };
    let (first, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(ann.get("/api/uploads").send().await.expect(200).json()["total"], 1);
}

/// Two parts, as large as the object store wants all but the last to be.
#[tokio::test]
async fn a_large_file_comes_in_parts() {
    let ann = Edge::shared().sign_up("ann").await;
    let begun = ann.post("/api/uploads/parts", &json!({"content_type": "application/octet-stream"}));
    let begun = begun.send().await.expect(201).json();
    let path = format!("/api/uploads/{}", begun["id"]);
    let (one, two) = (vec![1_u8; 5 << 20], vec![2_u8; 1000]);
    let mut parts = Vec::new();
    for (number, part) in [(1, &one), (2, &two)] {
        let put = ann.call("PUT", &format!("{path}/parts/{number}"));
        parts.push(put.body("application/octet-stream", part.clone()).send().await.expect(200).json());
    }
    let done = ann.post(&format!("{path}/complete"), &json!({"parts": parts})).send().await.expect(200).json();
    assert_eq!(done["size"], json!(one.len() + two.len()));
    let tail = ann.edge.get(&url(&done)).header("range", "bytes=5242879-5242881").send().await.expect(206);
    assert_eq!((tail.header("content-type"), &tail.bytes), ("application/octet-stream", &vec![1, 2, 2]));
    ann.post(&format!("{path}/complete"), &json!({"parts": parts})).send().await.expect(409);
}

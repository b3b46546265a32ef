//! The routes over in-memory SQLite with the real migrations, and objects in memory.

mod files;
mod multipart_upload;
mod orphans;

use serde_json::json;
use testkit::{Account, Kit, Reply, golden};

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A PNG of this size in RGB, with a text chunk.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("Comment".into(), "my secret place".into()).unwrap();
    let samples: Vec<u8> = (0..width * height * 3).map(|i| (i * 7 % 251) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    out
}

async fn send(kit: &Kit, by: &Account, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
    kit.call("POST", "/api/uploads").by(by).body(content_type, body).send().await
}

async fn upload(kit: &Kit, by: &Account) -> serde_json::Value {
    let reply = send(kit, by, "image/png", png(3, 2)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    upload(&kit, &ann).await;
    let parts =
        kit.post("/api/uploads/parts", json!({"content_type": "application/octet-stream"})).by(&ann).send().await;
    assert_eq!(parts.status, 201, "{}", parts.text());
    let paths = ["/api/uploads?sort=date%2B", "/api/uploads/1", "/api/uploads/2"];
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "uploads", &ann, &paths).await;
}

#[tokio::test]
async fn an_upload_from_beginning_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = send(&kit, &ann, "image/png", png(3, 2)).await;
    assert_eq!((made.status, made.header("location")), (201, "/api/uploads/1"), "{}", made.text());
    let json = made.json();
    let (key, url) = (json["key"].as_str().unwrap(), json["url"].as_str().unwrap());
    assert_eq!(url, format!("/files/{key}"));
    let stored = kit.get(url).send().await;
    let expected = json!({"id": 1, "key": key, "url": url, "size": stored.bytes.len(), "content_type": "image/png",
        "width": 3, "height": 2, "complete": true, "part_size": null, "user_id": ann.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(json, expected);
    assert_eq!(kit.get("/api/uploads/1").by(&ann).send().await.json(), expected);
    assert_eq!((stored.status, stored.header("content-type")), (200, "image/png"));

    assert_eq!(kit.delete("/api/uploads/1").by(&ann).send().await.status, 204);
    let never = kit.get("/api/uploads/9").by(&ann).send().await;
    assert_eq!(kit.get("/api/uploads/1").by(&ann).send().await.bytes, never.bytes);
    assert_eq!(kit.get(url).send().await.status, 404, "the link ends with the reply");
    kit.settle().await;
    assert_eq!(kit.number("SELECT count(*) FROM outbox").await, 0);
    assert_eq!(kit.blobs.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_is_taken_from_a_form_or_as_the_body_itself() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let form = |name: &str, file: &[u8]| {
        let head = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n\
             --XX\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.gif\"\r\n\
             Content-Type: image/gif\r\n\r\n"
        );
        [head.as_bytes(), file, b"\r\n--XX--\r\n"].concat()
    };
    for body in [form("file", &png(2, 2)), form("picture", &png(2, 2))] {
        let made = send(&kit, &ann, "multipart/form-data; boundary=XX", body).await;
        assert_eq!((made.status, made.json()["content_type"].as_str()), (201, Some("image/png")), "{}", made.text());
    }
    let made = send(&kit, &ann, "text/html", png(2, 2)).await;
    assert_eq!((made.status, made.json()["content_type"].as_str()), (201, Some("image/png")), "content decides");
    let other = form("file", b"MZ\x90");
    assert_eq!(send(&kit, &ann, "multipart/form-data; boundary=XX", other).await.error(), "invalid_image:file");
}

#[tokio::test]
async fn uploads_are_shown_to_their_owner_and_administrators() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    upload(&kit, &ann).await;
    kit.wait(1000);
    upload(&kit, &bob).await;
    let total = |reply: Reply| reply.json()["total"].clone();
    assert_eq!(total(kit.get("/api/uploads").by(&ann).send().await), 1);
    assert_eq!(total(kit.get("/api/uploads").by(&root).send().await), 2);
    assert_eq!(total(kit.get("/api/uploads?user=2").by(&root).send().await), 1);
    assert_eq!(kit.get("/api/uploads").send().await.error(), "unauthenticated");
    let never = kit.get("/api/uploads/99").by(&bob).send().await;
    assert_eq!(never.status, 404);
    assert_eq!(kit.get("/api/uploads/1").by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.get("/api/uploads/1").send().await.bytes, never.bytes);
    assert_eq!(kit.delete("/api/uploads/1").by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.delete("/api/uploads/1").send().await.status, 401);
    assert_eq!(kit.blobs.keys().len(), 2);
    assert_eq!(kit.delete("/api/uploads/1").by(&root).send().await.status, 204);
    let v0 = kit.get("/api/uploads?profile=v0").by(&bob).send().await.json();
    assert_eq!(
        (&v0["list"][0]["user"]["user_name"], &v0["list"][0]["contentType"]),
        (&json!("bob"), &json!("image/png"))
    );
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let anonymous = |body| kit.call("POST", "/api/uploads").body("image/png", body).send();
    assert_eq!(anonymous(png(2, 2)).await.refusal(), "401 unauthenticated");
    assert_eq!(anonymous(vec![0; (25 << 20) + 1]).await.refusal(), "401 unauthenticated", "before the body is read");
    for body in [b"".to_vec(), b"hello".to_vec(), b"GIF89a".to_vec(), b"<svg/>".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec()]
    {
        let reply = send(&kit, &ann, "image/png", body).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_image:file"));
    }
    assert_eq!(send(&kit, &ann, "application/json", "{}").await.status, 415);
    let huge = send(&kit, &ann, "image/png", vec![0; (25 << 20) + 1]).await;
    assert_eq!((huge.status, huge.error().as_str()), (413, "body_too_large"));
    let key = kit.call("POST", "/api/uploads").header("idempotency-key", "").by(&ann).body("image/png", png(2, 2));
    assert_eq!(key.send().await.refusal(), "400 invalid_idempotency_key:Idempotency-Key");
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 0, "nothing was going to be stored");
    kit.sql("DELETE FROM sessions", []).await;
    assert_eq!(send(&kit, &ann, "image/png", png(2, 2)).await.error(), "invalid_token");
    assert_eq!((kit.number("SELECT count(*) FROM uploads").await, kit.blobs.keys().len()), (0, 0));
}

#[tokio::test]
async fn repeating_an_upload_with_the_same_idempotency_key_stores_it_once() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let send = |body| kit.call("POST", "/api/uploads").header("idempotency-key", "k").by(&ann).body("image/png", body);
    let first = send(png(2, 2)).send().await;
    let again = send(png(2, 2)).send().await;
    assert_eq!((first.status, again.status, &first.bytes), (201, 201, &again.bytes));
    assert_eq!(send(png(2, 3)).send().await.status, 422);
    assert_eq!((kit.number("SELECT count(*) FROM uploads").await, kit.blobs.keys().len()), (1, 1));
}

#[tokio::test]
async fn each_request_is_one_transaction_and_creating_takes_one_more() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = upload(&kit, &ann).await;
    assert_eq!(kit.batches(), 2, "create");
    kit.get("/api/uploads").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "list");
    kit.get("/api/uploads/1").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.get(made["url"].as_str().unwrap()).by(&ann).send().await;
    assert_eq!(kit.batches(), 0, "a file");
    kit.delete("/api/uploads/1").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "delete");
    let published = kit.published().await;
    let [(room, gone)] = published.as_slice() else { panic!("{published:?}") };
    assert!(room == "uploads/1" && gone.end && gone.owner.is_none() && gone.public.is_none());
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}

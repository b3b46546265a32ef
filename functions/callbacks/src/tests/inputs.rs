//! Pictures to start from: whose they are, where they may come from.

use ports::{BlobBody, Blobs, FetchError};
use serde_json::json;
use testkit::{Kit, Reply};

use super::{PNG, claim, kit, signed};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 not really";
const WEBP: &[u8] = b"RIFF\x10\0\0\0WEBPVP8L";

/// The kit's task, held, with these pictures to start from; and its lease.
async fn held(images: &[&str]) -> (Kit, String) {
    let kit = kit().await;
    let images = json!(images).to_string();
    kit.sql(
        "UPDATE tasks SET origin = 'https://easel.example', params = json_set(params, '$.from_images', json(?1))",
        [images.into()],
    )
    .await;
    let lease = claim(&kit).await["lease"].as_str().unwrap().to_string();
    (kit, lease)
}

async fn get(kit: &Kit, lease: &str, path: &str) -> Reply {
    signed(kit, "GET", &format!("/callbacks/{path}"), &format!("get_{path}"), b"", lease).await
}

#[tokio::test]
async fn start_images_come_from_outside_and_from_our_own_files() {
    let token = "0f".repeat(16);
    let (own, absolute) = (format!("/files/up/{token}.png"), format!("https://easel.example/files/up/{token}.png"));
    let (kit, lease) = held(&["https://a.example.com/x.jpg?y", &own, &absolute, "https://a.example.com/x"]).await;
    kit.fetch.respond("https://a.example.com/x", 200, &[], WEBP);
    kit.fetch.respond("https://a.example.com/x.jpg?y", 200, &[("content-type", "text/html")], JPEG);
    let body = BlobBody::Bytes(PNG.into());
    kit.blobs.put(&format!("up/{token}.png"), "image/png", None, body).await.unwrap();
    let expected = [(0, "image/jpeg", JPEG), (1, "image/png", PNG), (2, "image/png", PNG), (3, "image/webp", WEBP)];
    for (index, kind, file) in expected {
        kit.batches();
        let reply = get(&kit, &lease, &format!("in/1/1/{index}")).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, kind), "{index}: {}", reply.text());
        assert_eq!((&reply.bytes[..], kit.batches()), (file, 1));
    }
    assert_eq!(kit.fetch.requests().len(), 2, "our own files are not called for");
    assert_eq!(get(&kit, &lease, "in/1/1/4").await.status, 404);
}

#[tokio::test]
async fn the_mask_comes_after_the_images() {
    let (kit, lease) = held(&["https://a.example.com/0.png", "https://a.example.com/1.png"]).await;
    assert_eq!(get(&kit, &lease, "in/1/1/2").await.status, 404, "there is none");
    kit.sql("UPDATE tasks SET params = json_set(params, '$.mask', 'https://a.example.com/m.png')", []).await;
    kit.fetch.respond("https://a.example.com/m.png", 200, &[], JPEG);
    assert_eq!(&get(&kit, &lease, "in/1/1/2").await.bytes[..], JPEG);
    assert_eq!(get(&kit, &lease, "in/1/1/3").await.status, 404);
    kit.fetch.respond("https://a.example.com/m.png", 200, &[], WEBP);
    let mask = get(&kit, &lease, "in/1/1/2").await;
    assert_eq!((mask.header("content-type"), &mask.bytes[..]), ("image/webp", WEBP));
    // It is fetched under the same rules.
    kit.sql("UPDATE tasks SET params = json_set(params, '$.mask', 'http://127.0.0.1/m.png')", []).await;
    assert_eq!(get(&kit, &lease, "in/1/1/2").await.error(), "image_unreachable");
    assert!(kit.fetch.requests().iter().all(|request| request.url == "https://a.example.com/m.png"));
}

#[tokio::test]
async fn every_hop_of_a_redirect_is_checked() {
    let start = "https://a.example.com/0";
    let (kit, lease) = held(&[start]).await;
    let hop = |from: &str, to: &str| kit.fetch.respond(from, 302, &[("location", to)], "");
    hop(start, "/1");
    hop("https://a.example.com/1", "//b.example.com/2");
    hop("https://b.example.com/2", "http://c.example.com/3");
    kit.fetch.respond("http://c.example.com/3", 200, &[], PNG);
    assert_eq!(&get(&kit, &lease, "in/1/1/0").await.bytes[..], PNG);
    assert_eq!(kit.fetch.requests().len(), 4);

    for to in [
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/latest/meta-data",
        "//0xa9.0xfe.0xa9.0xfe/",
        "http://localhost/",
        "file:///etc/passwd",
        "http:\\\\10.0.0.1",
        "/\\10.0.0.1",
        "http:10.0.0.1",
        "https://a.example.com@10.0.0.1/",
        "",
    ] {
        hop(start, to);
        let reply = get(&kit, &lease, "in/1/1/0").await;
        assert_eq!((reply.status, reply.error().as_str()), (422, "image_unreachable"), "{to}");
        let sent = kit.fetch.requests();
        assert!(sent.iter().all(|request| request.url.starts_with("https://a.example.com/")), "{to}: {sent:?}");
    }
    hop(start, "https://A.example.com:443/x/../2");
    kit.fetch.respond("https://a.example.com/2", 200, &[], PNG);
    assert_eq!(&get(&kit, &lease, "in/1/1/0").await.bytes[..], PNG, "the hop is called as it was judged");
    assert_eq!(kit.fetch.requests()[1].url, "https://a.example.com/2");
    hop(start, "/0");
    assert_eq!(get(&kit, &lease, "in/1/1/0").await.error(), "image_unreachable");
    assert_eq!(kit.fetch.requests().len(), 4, "a circle ends");
}

#[tokio::test]
async fn unusable_start_images_are_refused_by_code() {
    let url = "https://a.example.com/x.png";
    let (mut kit, lease) = held(&[url, "http://127.0.0.1:9/x.png", "/files/up/../../secret"]).await;
    let mut large = PNG.to_vec();
    large.resize((20 << 20) + 1, 0);
    for (status, body, code) in [
        (200, b"<html>".to_vec(), (400, "invalid_image")),
        (200, Vec::new(), (400, "invalid_image")),
        (200, b"GIF89a".to_vec(), (400, "invalid_image")),
        (200, b"RIFF\x10\0\0\0WAVEfmt ".to_vec(), (400, "invalid_image")),
        (200, large, (422, "image_unreachable")),
        (404, PNG.to_vec(), (422, "image_unreachable")),
        (204, Vec::new(), (422, "image_unreachable")),
        (302, PNG.to_vec(), (422, "image_unreachable")),
        (500, Vec::new(), (422, "image_unreachable")),
    ] {
        kit.fetch.respond(url, status, &[], body);
        let reply = get(&kit, &lease, "in/1/1/0").await;
        assert_eq!((reply.status, reply.error().as_str()), code, "{status}");
    }
    kit.fetch.fail(url, FetchError::TimedOut);
    assert_eq!(get(&kit, &lease, "in/1/1/0").await.error(), "image_unreachable");
    kit.fetch.requests();
    assert_eq!(get(&kit, &lease, "in/1/1/1").await.error(), "image_unreachable");
    assert_eq!(get(&kit, &lease, "in/1/1/2").await.error(), "image_unreachable");
    assert!(kit.fetch.requests().is_empty(), "nothing private is called");
    kit.config.fetch_allow = vec!["127.0.0.1:9".into()];
    kit.fetch.respond("http://127.0.0.1:9/x.png", 200, &[], PNG);
    assert_eq!(get(&kit, &lease, "in/1/1/1").await.status, 200, "unless the deployment says so");
}

#[tokio::test]
async fn only_the_runner_that_holds_the_task_may_ask() {
    let (kit, lease) = held(&["https://a.example.com/x.png"]).await;
    kit.fetch.respond("https://a.example.com/x.png", 200, &[], PNG);
    assert_eq!(get(&kit, "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f", "in/1/1/0").await.error(), "stale_lease");
    assert_eq!(get(&kit, &lease, "in/1/2/0").await.error(), "stale_lease");
    let elsewhere = signed(&kit, "GET", "/callbacks/in/1/1/0", "get_in/1/1/1", b"", &lease).await;
    assert_eq!(elsewhere.error(), "invalid_signature");
    assert_eq!(kit.get("/callbacks/in/1/1/0").send().await.error(), "invalid_signature");
    for path in ["in/1/1/x", "in/1/1/-1", "in/1/1/256", "in/0/1/0", "in/1/1/%ff", "in/1/1"] {
        assert_eq!(get(&kit, &lease, path).await.status, 404, "{path}");
    }
    assert!(kit.fetch.requests().is_empty());
    kit.sql("UPDATE servers SET epoch = 2", []).await;
    assert_eq!(get(&kit, &lease, "in/1/1/0").await.error(), "invalid_signature", "registered again since");
}

//! Serving stored objects.

use testkit::Kit;

use super::{kit, upload};

async fn stored() -> (Kit, String, Vec<u8>) {
    let kit = kit();
    let ann = kit.user("ann").await;
    let url = upload(&kit, &ann).await["url"].as_str().unwrap().to_string();
    let bytes = kit.get(&url).send().await.bytes.to_vec();
    (kit, url, bytes)
}

#[tokio::test]
async fn a_file_has_cache_headers_and_answers_conditional_requests() {
    let (kit, url, bytes) = stored().await;
    let whole = kit.get(&url).send().await;
    let header = |name: &str| whole.header(name).to_string();
    assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header("content-length"), bytes.len().to_string());
    assert_eq!((header("content-disposition"), header("x-content-type-options")), ("inline".into(), "nosniff".into()));
    assert!(header("content-security-policy").contains("sandbox"));
    assert_eq!(header("access-control-allow-origin"), "*");
    let etag = header("etag");
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    for tag in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".into()] {
        let fresh = kit.get(&url).header("if-none-match", &tag).send().await;
        assert_eq!((fresh.status, fresh.bytes.len(), fresh.header("etag")), (304, 0, etag.as_str()));
    }
    assert_eq!(kit.get(&url).header("if-none-match", "\"x\"").send().await.bytes, bytes);
    let head = kit.call("HEAD", &url).send().await;
    assert_eq!((head.status, head.bytes.len(), head.header("etag")), (200, 0, etag.as_str()));
    assert_eq!(head.header("content-length"), bytes.len().to_string());
}

#[tokio::test]
async fn a_file_is_served_in_ranges() {
    let (kit, url, bytes) = stored().await;
    let (n, etag) = (bytes.len(), kit.get(&url).send().await.header("etag").to_string());
    for (range, expected) in [("bytes=0-3", 0..4), ("bytes=8-", 8..n), ("bytes=-5", n - 5..n), ("bytes=4-99999", 4..n)]
    {
        let part = kit.get(&url).header("range", range).header("if-range", &etag).send().await;
        assert_eq!((part.status, &part.bytes[..]), (206, &bytes[expected.clone()]), "{range}");
        let content_range = format!("bytes {}-{}/{n}", expected.start, expected.end - 1);
        assert_eq!(part.header("content-range"), content_range);
        assert_eq!(part.header("content-length"), expected.len().to_string());
    }
    let outside = kit.get(&url).header("range", &format!("bytes={n}-")).send().await;
    assert_eq!((outside.status, outside.error().as_str()), (416, "range_not_satisfiable:Range"));
    assert_eq!(outside.header("content-range"), format!("bytes */{n}"));
    for (name, value) in [("range", "bytes=0-1,3-4"), ("range", "nonsense"), ("if-range", "\"another\"")] {
        let whole = kit.get(&url).header(name, value).header("range", "bytes=5-1").send().await;
        assert_eq!((whole.status, whole.bytes.len()), (200, n), "{value}");
    }
    let changed = kit.get(&url).header("range", "bytes=0-1").header("if-range", "\"another\"").send().await;
    assert_eq!((changed.status, changed.bytes.len()), (200, n));
}

#[tokio::test]
async fn addresses_that_are_no_key_are_not_found() {
    let (kit, url, _) = stored().await;
    let unknown = format!("/files/up/{}.png", "0".repeat(32));
    let missing = kit.get(&unknown).send().await;
    assert_eq!((missing.status, missing.error().as_str()), (404, "not_found"));
    for path in [
        "/files/up".to_string(),
        "/files/up/../../etc/passwd".into(),
        "/files/%2e%2e/secret".into(),
        format!("{url}.bak"),
        url.replace("up/", "up//"),
        url.replace("up/", "up%2F"),
        url.to_uppercase().replace("/FILES", "/files"),
        format!("/files/out/1/{}.png", "0".repeat(32)),
        format!("/files/{}", "x".repeat(5000)),
        "/files/up/%00".into(),
        "/files/up/%ff%fe.png".into(),
    ] {
        let reply = kit.get(&path).send().await;
        assert_eq!((reply.status, reply.header("content-type").contains("json")), (404, true), "{path}");
        let ranged = kit.get(&path).header("range", "bytes=0-0").send().await;
        assert_eq!(ranged.status, 404, "{path}");
    }
    assert_eq!(kit.get("/files").send().await.status, 404);
    assert_eq!(kit.call("POST", &url).send().await.status, 405);
    assert_eq!(kit.call("PUT", &url).body("image/png", "x").send().await.status, 405);
}

#[tokio::test]
async fn images_of_tasks_are_served() {
    use ports::{BlobBody, Blobs};
    let kit = kit();
    let key = format!("out/7/1/{}.png", "a".repeat(32));
    kit.blobs.put(&key, "image/png", None, BlobBody::Bytes("png".into())).await.unwrap();
    assert_eq!(kit.get(&format!("/files/{key}")).send().await.text(), "png");
}

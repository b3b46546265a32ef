//! Addresses that must not be called, and servers that mean no good.

use super::*;

/// The code of the only image's failure after one round, or its status.
async fn outcome(kit: &Kit, by: &Account, source: &str) -> String {
    let path = dataset(kit, by, json!([source])).await;
    store::dataset_copies::copy(&kit.runtime()).await.unwrap();
    let row = rows(kit, by, &path).await.remove(0);
    kit.delete(&path).by(by).send().await;
    row["error"]["code"].as_str().or(row["status"].as_str()).unwrap().to_string()
}

#[tokio::test]
async fn every_hop_is_judged_anew() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for private in [
        "http://127.0.0.1/x.png",
        "http://10.1.2.3/x.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/x.png",
        "http://localhost:8080/x.png",
        "http://2130706433/x.png",
        "http://metadata.internal/x.png",
        "https://oss.example.com:22/x.png",
        "//127.0.0.1/x.png",
        "file:///etc/passwd",
        "ftp://oss.example.com/x.png",
        "",
    ] {
        kit.fetch.respond(private, 200, &[], png(1, 1, 0));
        kit.fetch.respond(&url(1), 302, &[("location", private)], "");
        assert_eq!(outcome(&kit, &ann, &url(1)).await, "image_unreachable", "{private}");
        let asked: Vec<String> = kit.fetch.requests().into_iter().map(|request| request.url).collect();
        assert_eq!(asked, [url(1)], "{private} was not called");
    }
    // What was admitted when the dataset was made is judged again when it is called.
    let path = dataset(&kit, &ann, json!([url(1)])).await;
    kit.sql("UPDATE dataset_images SET source = 'http://127.0.0.1/x.png'", []).await;
    copy(&kit).await;
    assert_eq!(rows(&kit, &ann, &path).await[0]["error"]["code"], "image_unreachable");
    assert_eq!(kit.fetch.requests(), []);
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_more() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for n in 1..=4 {
        let next = format!("/{}.png", n + 1);
        kit.fetch.respond(&url(n), [301, 302, 307, 308][n - 1], &[("location", &next)], "");
    }
    kit.fetch.respond(&url(5), 200, &[], png(1, 1, 0));
    assert_eq!(outcome(&kit, &ann, &url(2)).await, "ready");
    kit.fetch.requests();
    assert_eq!(outcome(&kit, &ann, &url(1)).await, "image_unreachable", "the fifth address is the fourth redirect's");
    assert_eq!(kit.fetch.requests().len(), 4);
    kit.fetch.respond(&url(9), 302, &[("location", &url(9))], "");
    assert_eq!(outcome(&kit, &ann, &url(9)).await, "image_unreachable", "a loop");
    kit.fetch.respond(&url(9), 302, &[], "");
    assert_eq!(outcome(&kit, &ann, &url(9)).await, "image_unreachable", "to nowhere");
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.fetch.respond(&url(1), 200, &[("content-length", "10000000000")], png(1, 1, 0));
    assert_eq!(outcome(&kit, &ann, &url(1)).await, "image_unreachable", "it says that it is huge");
    let asked = kit.fetch.requests();
    assert_eq!((asked.len(), asked[0].max_bytes, asked[0].timeout_ms), (1, 4 << 20, 8_000));
    // The adapters stop reading at `max_bytes`; a body that goes on is incomplete.
    kit.fetch.respond(&url(1), 200, &[], png(1, 1, 21 << 20));
    assert_eq!(outcome(&kit, &ann, &url(1)).await, "image_unreachable", "it is longer than 20 MiB");
    let asked: Vec<usize> = kit.fetch.requests().iter().map(|request| request.max_bytes).collect();
    assert_eq!(asked, [4 << 20, 20 << 20]);
    // A large image that redirects when it is asked for again.
    kit.fetch.respond(&url(1), 200, &[], png(1, 1, 20 << 20));
    assert_eq!(outcome(&kit, &ann, &url(1)).await, "image_unreachable", "29 bytes too long");
    kit.fetch.respond(&url(1), 200, &[], png(1, 1, (20 << 20) - 29));
    assert_eq!(outcome(&kit, &ann, &url(1)).await, "ready");
}

#[tokio::test]
async fn answers_that_are_no_image_fail_and_busy_servers_are_asked_again() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (status, body, expected) in [
        (200, b"<script>".to_vec(), "invalid_image"),
        (200, Vec::new(), "invalid_image"),
        (200, b"GIF89a".to_vec(), "invalid_image"),
        (204, Vec::new(), "image_unreachable"),
        (304, Vec::new(), "image_unreachable"),
        (401, png(1, 1, 0), "image_unreachable"),
        (404, png(1, 1, 0), "image_unreachable"),
        (408, Vec::new(), "pending"),
        (429, Vec::new(), "pending"),
        (500, png(1, 1, 0), "pending"),
        (503, Vec::new(), "pending"),
    ] {
        kit.fetch.respond(&url(1), status, &[("content-type", "image/png")], body);
        assert_eq!(outcome(&kit, &ann, &url(1)).await, expected, "{status}");
    }
    kit.settle().await;
    store::outbox::flush(&kit.runtime()).await.unwrap();
    assert!(kit.blobs.keys().is_empty(), "{:?}", kit.blobs.keys());
}

//! Large files in parts.

use edge::native::{Account, Kit, Reply};
use serde_json::{Value, json};

use super::kit;

async fn begin(kit: &Kit, by: &Account) -> Value {
    let body = json!({"content_type": "application/octet-stream", "size": 11});
    let begun = kit.post("/api/uploads/parts", body).by(by).send().await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    begun.json()
}

async fn part(kit: &Kit, by: &Account, number: &str, bytes: &str) -> Reply {
    let length = bytes.len().to_string();
    let call = kit.call("PUT", &format!("/api/uploads/1/parts/{number}")).header("content-length", &length);
    call.body("application/octet-stream", bytes).by(by).send().await
}

async fn complete(kit: &Kit, by: &Account, parts: Value) -> Reply {
    kit.post("/api/uploads/1/complete", json!({"parts": parts})).by(by).send().await
}

#[tokio::test]
async fn parts_become_one_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let begun = begin(&kit, &ann).await;
    assert_eq!(
        (&begun["complete"], &begun["url"], &begun["part_size"]),
        (&json!(false), &json!(null), &json!(33_554_432))
    );
    let two = part(&kit, &ann, "2", "world").await;
    assert_eq!((two.status, &two.json()["number"]), (200, &json!(2)), "{}", two.text());
    let one = part(&kit, &ann, "1", "hello ").await.json();
    let done = complete(&kit, &ann, json!([one, two.json()])).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let json = done.json();
    assert_eq!((&json["size"], &json["complete"], &json["part_size"]), (&json!(11), &json!(true), &json!(null)));
    let file = kit.get(json["url"].as_str().unwrap()).send().await;
    assert_eq!((file.text().as_str(), file.header("content-disposition")), ("hello world", "attachment"));
    assert_eq!(file.header("content-type"), "application/octet-stream");

    assert_eq!(part(&kit, &ann, "3", "late").await.error(), "upload_complete");
    assert_eq!(complete(&kit, &ann, json!([one])).await.error(), "upload_complete");
    assert_eq!(kit.delete("/api/uploads/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.blobs.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn completing_again_after_a_crash_finds_the_file() {
    use ports::Blobs;
    let kit = kit();
    let ann = kit.user("ann").await;
    let key = begin(&kit, &ann).await["key"].as_str().unwrap().to_string();
    let one = part(&kit, &ann, "1", "hello").await.json();
    let stored = ports::Part { number: 1, etag: one["etag"].as_str().unwrap().into() };
    kit.blobs.complete(&key, "upload-1", &[stored]).await.unwrap();
    let done = complete(&kit, &ann, json!([one])).await;
    assert_eq!((done.status, &done.json()["size"]), (200, &json!(5)), "{}", done.text());
}

#[tokio::test]
async fn deleting_an_unfinished_upload_ends_it() {
    let kit = kit();
    let ann = kit.user("ann").await;
    begin(&kit, &ann).await;
    let one = part(&kit, &ann, "1", "hello").await.json();
    assert_eq!(kit.delete("/api/uploads/1").by(&ann).send().await.status, 204);
    assert_eq!(part(&kit, &ann, "2", "x").await.status, 404);
    assert_eq!(complete(&kit, &ann, json!([one])).await.status, 404);
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    for (body, error) in [
        (json!({}), "missing_parameter:content_type"),
        (json!({"content_type": "text/html"}), "invalid_parameter:content_type"),
        (json!({"content_type": "application/octet-stream", "size": -1}), "invalid_parameter:size"),
    ] {
        assert_eq!(kit.post("/api/uploads/parts", body).by(&ann).send().await.error(), error);
    }
    begin(&kit, &ann).await;
    assert_eq!(part(&kit, &bob, "1", "x").await.status, 404);
    assert_eq!(complete(&kit, &bob, json!([])).await.status, 404);
    for number in ["0", "10001", "x", "99999999999999999999"] {
        assert_eq!(part(&kit, &ann, number, "x").await.error(), "invalid_parameter:number", "{number}");
    }
    let put = |length: &str| kit.call("PUT", "/api/uploads/1/parts/1").header("content-length", length).by(&ann);
    assert_eq!(put("100000001").send().await.status, 413);
    assert_eq!(put("x").send().await.error(), "missing_parameter:Content-Length");
    for (parts, error) in [
        (json!("x"), "invalid_parameter:parts"),
        (json!([{"number": 1}]), "invalid_parameter:parts"),
        (json!([{"number": 0, "etag": "x"}]), "invalid_parameter:parts"),
        (json!([{"number": 1, "etag": "x"}]), "upload_incomplete:parts"),
    ] {
        assert_eq!(complete(&kit, &ann, parts).await.error(), error);
    }
    assert_eq!(kit.number("SELECT count(*) FROM uploads WHERE multipart IS NULL").await, 0);
    assert_eq!(kit.blobs.keys(), Vec::<String>::new());
}

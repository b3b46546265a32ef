//! Large files in parts.

use serde_json::{Value, json};
use testkit::{Account, Kit, Reply, assert_shape, rules};

use super::kit;
use crate::multipart_upload::STORED_PART;

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
    assert_shape(&STORED_PART, &two.json());
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
    rules::refuses_malformed_bodies(&kit, "POST", "/api/uploads/parts", &ann).await;
    let refusals = [
        (json!({}), "400 missing_parameter:content_type"),
        (json!({"content_type": "text/html"}), "400 invalid_parameter:content_type"),
        (json!({"content_type": "application/octet-stream", "size": -1}), "400 invalid_parameter:size"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/uploads/parts", &ann, &refusals).await;
    begin(&kit, &ann).await;
    assert_eq!(part(&kit, &bob, "1", "x").await.status, 404);
    assert_eq!(complete(&kit, &bob, json!([{"number": 1, "etag": "x"}])).await.status, 404);
    assert_eq!(kit.post("/api/uploads/1/complete", json!({})).send().await.refusal(), "401 unauthenticated");
    for number in ["0", "10001", "x", "99999999999999999999"] {
        assert_eq!(part(&kit, &ann, number, "x").await.error(), "invalid_parameter:number", "{number}");
    }
    let put = |length: &str| kit.call("PUT", "/api/uploads/1/parts/1").header("content-length", length).by(&ann);
    assert_eq!(put("100000001").send().await.status, 413);
    assert_eq!(put("x").send().await.error(), "missing_parameter:Content-Length");
    let refusals = [
        (json!({}), "400 missing_parameter:parts"),
        (json!({"parts": null}), "400 missing_parameter:parts"),
        (json!({"parts": "x"}), "400 invalid_parameter:parts"),
        (json!({"parts": []}), "400 invalid_parameter:parts"),
        (json!({"parts": [{"number": 1}]}), "400 invalid_parameter:parts"),
        (json!({"parts": [{"number": 0, "etag": "x"}]}), "400 invalid_parameter:parts"),
        (json!({"parts": [{"number": 10_001, "etag": "x"}]}), "400 invalid_parameter:parts"),
        (json!({"parts": [{"number": 1, "etag": "x"}]}), "409 upload_incomplete:parts"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/uploads/1/complete", &ann, &refusals).await;
    assert_eq!(kit.number("SELECT count(*) FROM uploads WHERE multipart IS NULL").await, 0);
    assert_eq!(kit.blobs.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn an_upload_refused_for_an_empty_list_of_parts_can_still_be_completed() {
    let kit = kit();
    let ann = kit.user("ann").await;
    begin(&kit, &ann).await;
    let one = part(&kit, &ann, "1", "hello").await.json();
    let refused = complete(&kit, &ann, json!([])).await;
    assert_eq!(refused.refusal(), "400 invalid_parameter:parts");
    assert_eq!(kit.blobs.keys(), Vec::<String>::new(), "no empty object");
    let done = complete(&kit, &ann, json!([one])).await;
    assert_eq!((done.status, &done.json()["size"]), (200, &json!(5)), "{}", done.text());
}

#[tokio::test]
async fn beginning_again_with_the_same_idempotency_key_leaves_one_upload() {
    use ports::Blobs;
    let kit = kit();
    let ann = kit.user("ann").await;
    let body = json!({"content_type": "application/octet-stream"});
    let begin = || kit.post("/api/uploads/parts", body.clone()).header("idempotency-key", "k").by(&ann);
    let (first, again) = (begin().send().await, begin().send().await);
    assert_eq!((first.status, again.status, &first.bytes), (201, 201, &again.bytes));
    assert_eq!(kit.number("SELECT count(*) FROM uploads").await, 1);
    let key = first.json()["key"].as_str().unwrap().to_string();
    assert!(kit.blobs.abort(&key, "upload-2").await.is_err(), "the second multipart upload was aborted");
    assert!(kit.blobs.abort(&key, "upload-1").await.is_ok(), "the first one is still open");
}

//! What requests that die leave behind, and what becomes of it.

use edge::native::Kit;
use ports::{BlobBody, Blobs};
use serde_json::json;
use store::{Batch, Scope, pending, sweep};

use super::{kit, png, send, upload};

const HOUR: i64 = 60 * 60 * 1000;

async fn round(kit: &Kit) -> bool {
    sweep::round(&kit.cx()).await.unwrap()
}

fn scope(kit: &Kit) -> Scope {
    Scope { me: 1, now: kit.now(), profile: domain::Profile::V1 }
}

/// An upload that dies after its object is stored, as no handler does by itself.
async fn dead_upload(kit: &Kit, key: &str) {
    let mut batch = Batch::new();
    batch.push(pending::expect(scope(kit), key));
    batch.run(&*kit.cx().ports.sql).await.map(drop).unwrap();
    kit.blobs.put(key, "image/png", None, BlobBody::Bytes("x".into())).await.map(drop).unwrap();
}

#[tokio::test]
async fn an_upload_leaves_nothing_pending() {
    let kit = kit();
    let ann = kit.user("ann").await;
    upload(&kit, &ann).await;
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 0);
    kit.wait(2 * HOUR);
    round(&kit).await;
    assert_eq!((kit.blobs.keys().len(), kit.number("SELECT count(*) FROM uploads").await), (1, 1));
}

#[tokio::test]
async fn what_a_dead_request_stored_is_deleted_after_an_hour() {
    let kit = kit();
    dead_upload(&kit, "up/old.png").await;
    kit.wait(HOUR - 1);
    dead_upload(&kit, "up/young.png").await;
    round(&kit).await;
    assert_eq!(kit.blobs.keys(), ["up/old.png", "up/young.png"]);
    kit.wait(1);
    round(&kit).await;
    assert_eq!(kit.blobs.keys(), ["up/young.png"]);
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 1);
    assert!(!round(&kit).await, "nothing to come back for soon");
}

#[tokio::test]
async fn an_object_that_was_given_up_gets_no_row() {
    let kit = kit();
    dead_upload(&kit, "up/slow.png").await;
    kit.wait(HOUR);
    round(&kit).await;
    let mut batch = Batch::new();
    batch.meaning("gone", &domain::messages::UNAVAILABLE);
    batch.extend(pending::arrived(scope(&kit), "up/slow.png"));
    assert_eq!(batch.run(&*kit.cx().ports.sql).await.map(drop).unwrap_err().code(), "unavailable");
}

#[tokio::test]
async fn refused_and_repeated_uploads_leave_nothing_for_long() {
    let kit = kit();
    let ann = kit.user("ann").await;
    assert_eq!(send(&kit, &ann, "image/png", "no picture").await.status, 400);
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 0, "nothing was going to be stored");
    for _ in 0..2 {
        let call = kit.call("POST", "/api/uploads").header("idempotency-key", "k").by(&ann);
        assert_eq!(call.body("image/png", png(2, 2)).send().await.status, 201);
    }
    kit.wait(HOUR);
    round(&kit).await;
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 0);
    assert_eq!(kit.blobs.keys().len(), 1);
}

#[tokio::test]
async fn unfinished_uploads_are_given_up_after_a_day() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let begin = || kit.post("/api/uploads/parts", json!({"content_type": "application/octet-stream"})).by(&ann);
    let first = begin().send().await.json();
    let key = first["key"].as_str().unwrap();
    kit.wait(24 * HOUR - 1);
    assert_eq!(begin().send().await.status, 201);
    round(&kit).await;
    assert_eq!(kit.number("SELECT count(*) FROM uploads").await, 2);
    kit.wait(1);
    round(&kit).await;
    assert_eq!(kit.get("/api/uploads/1").by(&ann).send().await.status, 404);
    assert_eq!(kit.get("/api/uploads/2").by(&ann).send().await.status, 200);
    // A request that was completing it all the while leaves an object, which goes too.
    kit.blobs.put(key, "application/octet-stream", None, BlobBody::Bytes("x".into())).await.map(drop).unwrap();
    kit.wait(600_000);
    round(&kit).await;
    assert_eq!(kit.blobs.keys(), Vec::<String>::new());
    assert_eq!(kit.number("SELECT count(*) FROM outbox").await, 0);
    assert!(kit.blobs.abort(key, "upload-1").await.is_err(), "its parts are gone");
    assert!(kit.blobs.abort("up/x", "upload-2").await.is_ok(), "the other one is still open");
}

#[tokio::test]
async fn deleting_an_unfinished_upload_ends_its_parts() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let begun = kit.post("/api/uploads/parts", json!({"content_type": "application/octet-stream"})).by(&ann).send();
    let key = begun.await.json()["key"].as_str().unwrap().to_string();
    assert_eq!(kit.delete("/api/uploads/1").by(&ann).send().await.status, 204);
    kit.settle().await;
    assert!(kit.blobs.abort(&key, "upload-1").await.is_err());
    assert_eq!(kit.number("SELECT count(*) FROM outbox").await, 0);
}

//! Objects without a row, which requests that die leave behind, and how the sweeper deletes them.

use ports::{BlobBody, Blobs};
use serde_json::json;
use store::{Tx, pending, sweep};
use testkit::Kit;

use super::{kit, png, send, upload};

const HOUR: i64 = 60 * 60 * 1000;

/// One round of the sweeper. Returns true when unfinished work remains.
async fn sweep(kit: &Kit) -> bool {
    sweep::round(&kit.runtime()).await.unwrap()
}

/// An upload that dies after its object is stored.
async fn dead_upload(kit: &Kit, key: &str) {
    let mut tx = Tx::system(&kit.runtime());
    pending::reserve(&mut tx, key);
    tx.run().await.map(drop).unwrap();
    kit.blobs.put(key, "image/png", None, BlobBody::Bytes("x".into())).await.map(drop).unwrap();
}

#[tokio::test]
async fn an_upload_leaves_nothing_pending() {
    let kit = kit();
    let ann = kit.user("ann").await;
    upload(&kit, &ann).await;
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 0);
    kit.wait(2 * HOUR);
    sweep(&kit).await;
    assert_eq!((kit.blobs.keys().len(), kit.number("SELECT count(*) FROM uploads").await), (1, 1));
}

#[tokio::test]
async fn objects_of_dead_requests_are_deleted_after_an_hour() {
    let kit = kit();
    dead_upload(&kit, "up/old.png").await;
    kit.wait(HOUR - 1);
    dead_upload(&kit, "up/young.png").await;
    sweep(&kit).await;
    assert_eq!(kit.blobs.keys(), ["up/old.png", "up/young.png"]);
    kit.wait(1);
    sweep(&kit).await;
    assert_eq!(kit.blobs.keys(), ["up/young.png"]);
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 1);
    assert!(!sweep(&kit).await, "nothing to come back for soon");
}

#[tokio::test]
async fn an_object_that_was_given_up_gets_no_row() {
    let kit = kit();
    dead_upload(&kit, "up/slow.png").await;
    kit.wait(HOUR);
    sweep(&kit).await;
    let mut tx = Tx::system(&kit.runtime());
    pending::confirm(&mut tx, "up/slow.png");
    assert_eq!(tx.run().await.map(drop).unwrap_err().code(), "unavailable");
}

#[tokio::test]
async fn refused_and_repeated_uploads_leave_nothing_after_an_hour() {
    let kit = kit();
    let ann = kit.user("ann").await;
    assert_eq!(send(&kit, &ann, "image/png", "no picture").await.status, 400);
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 0, "nothing was going to be stored");
    for _ in 0..2 {
        let call = kit.call("POST", "/api/uploads").header("idempotency-key", "k").by(&ann);
        assert_eq!(call.body("image/png", png(2, 2)).send().await.status, 201);
    }
    kit.wait(HOUR);
    sweep(&kit).await;
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
    sweep(&kit).await;
    assert_eq!(kit.number("SELECT count(*) FROM uploads").await, 2);
    kit.wait(1);
    sweep(&kit).await;
    assert_eq!(kit.get("/api/uploads/1").by(&ann).send().await.status, 404);
    assert_eq!(kit.get("/api/uploads/2").by(&ann).send().await.status, 200);
    // A request that was completing it all the while leaves an object, which goes too.
    kit.blobs.put(key, "application/octet-stream", None, BlobBody::Bytes("x".into())).await.map(drop).unwrap();
    kit.wait(600_000);
    sweep(&kit).await;
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

//! The outbox, delivered by functions with and without an object store.

use std::sync::Arc;

use bytes::Bytes;
use ports::unbound::Unbound;
use ports::{BlobBody, Blobs};
use store::outbox;
use testkit::Kit;

#[tokio::test]
async fn objects_are_deleted_only_where_there_is_a_store() {
    let kit = Kit::without_function();
    let body = BlobBody::Bytes(Bytes::from_static(b"x"));
    kit.blobs.put("a", "text/plain", None, body).await.expect("stored");
    kit.sql(
        "INSERT INTO outbox (kind, target, payload, not_before, created_at) VALUES ('delete_blob', 'a', '', 0, 0)",
        [],
    )
    .await;
    kit.sql(
        "INSERT INTO outbox (kind, target, payload, not_before, created_at) VALUES ('queue', 'inference', '{}', 0, 0)",
        [],
    )
    .await;
    let mut without = kit.runtime();
    without.blobs = Arc::new(Unbound("BLOBS"));
    assert_eq!(outbox::flush(&without).await.expect("flushed"), 1, "the hint");
    assert_eq!(kit.number("SELECT count(*) FROM outbox WHERE kind = 'delete_blob' AND attempts = 0").await, 1);
    assert_eq!(outbox::flush(&kit.runtime()).await.expect("flushed"), 1, "the object, at once");
    assert_eq!((kit.number("SELECT count(*) FROM outbox").await, kit.blobs.keys().len()), (0, 0));
}

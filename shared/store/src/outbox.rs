//! The outbox: what must happen after a commit, written by the same transaction. A row is removed when it is delivered;
//! the sweeper delivers what a crash left behind. Delivery is at least once, so every kind is idempotent.

use domain::Error;
use ports::{BlobError, Runtime};

use crate::args;
use crate::query::Arg;
use crate::tx::Tx;

/// The most rows of one `flush`.
const BATCH: i64 = 50;

/// Sends hints to the runners about the waiting tasks `t` that a condition of ours finds, once each may start.
pub fn hints(tx: &mut Tx, condition: &str, args: impl IntoIterator<Item = Arg>) {
    tx.exec(
        format!(
            "INSERT INTO outbox (kind, target, payload, not_before, created_at) \
             SELECT 'queue', t.type, json_object('task_id', t.id), max(:now, t.not_before), :now \
             FROM tasks t WHERE t.status = 'waiting' AND {condition}"
        ),
        args,
    );
}

/// Deletes stored objects. `keys` is an SQL query of `key`.
pub fn delete_blobs(tx: &mut Tx, keys: &str, args: impl IntoIterator<Item = Arg>) {
    delete_blobs_after(tx, 0, keys, args);
}

/// Deletes stored objects after `delay_ms`. `keys` is an SQL query of `key`.
pub fn delete_blobs_after(tx: &mut Tx, delay_ms: u32, keys: &str, args: impl IntoIterator<Item = Arg>) {
    delete_uploads(tx, delay_ms, &format!("SELECT key, NULL AS multipart FROM ({keys})"), args);
}

/// Deletes uploads that may be unfinished, with their parts, after `delay_ms`. `uploads` is an SQL query of `key` and
/// `multipart`, which is null for a finished upload.
pub fn delete_uploads(tx: &mut Tx, delay_ms: u32, uploads: &str, args: impl IntoIterator<Item = Arg>) {
    tx.exec(
        format!(
            "INSERT INTO outbox (kind, target, payload, not_before, created_at) \
             SELECT 'delete_blob', u.key, coalesce(u.multipart, ''), :now + {delay_ms}, :now FROM ({uploads}) u"
        ),
        args,
    );
}

/// Delivers what is due and returns how many rows were delivered. A row that fails is tried again later. Objects are
/// deleted by functions with an object store; the sweeper is one.
pub async fn flush(runtime: &Runtime) -> Result<usize, Error> {
    let mut tx = Tx::system(runtime);
    let due = tx.exec(
        "UPDATE outbox SET attempts = attempts + 1, not_before = :now + 5000 * min(attempts + 1, 60) \
         WHERE id IN (SELECT id FROM outbox WHERE not_before <= :now AND (:has_blobs OR kind <> 'delete_blob') \
         ORDER BY id LIMIT :batch) \
         RETURNING id, kind, target, payload",
        args! { batch: BATCH, has_blobs: runtime.blobs.is_bound() },
    );
    let outcome = tx.run().await?;
    let mut delivered = Vec::new();
    for row in outcome.rows(due).iter() {
        let (Some(id), Some(kind), Some(target)) = (row.int("id"), row.text("kind"), row.text("target")) else {
            continue;
        };
        let payload = row.text("payload").unwrap_or_default();
        let result = match kind {
            "queue" => runtime.queue.send(target, payload).await.map_err(|e| e.to_string()),
            "delete_blob" => delete(runtime, target, payload).await.map_err(|e| e.to_string()),
            other => Err(format!("unknown kind {other}")),
        };
        match result {
            Ok(()) => delivered.push(id),
            Err(why) => log::warn!("Outbox row {id} ({kind}) was not delivered and will be tried again: {why}"),
        }
    }
    if !delivered.is_empty() {
        let mut tx = Tx::system(runtime);
        let ids = serde_json::json!(delivered).to_string();
        tx.exec("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(:ids))", args! { ids });
        tx.run().await?;
    }
    Ok(delivered.len())
}

/// Deletes an object, and before it the parts of an unfinished `upload`, if there is one.
async fn delete(runtime: &Runtime, key: &str, upload: &str) -> Result<(), BlobError> {
    if !upload.is_empty() {
        match runtime.blobs.abort(key, upload).await {
            // It was aborted, or completed, before.
            Ok(()) | Err(BlobError::Parts(_)) => {}
            Err(error) => return Err(error),
        }
    }
    runtime.blobs.delete(key).await
}

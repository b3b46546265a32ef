//! What must happen after a commit, written in the same batch: the outbox. A row is removed when it is delivered;
//! the sweeper delivers what a crash left behind. Delivery is at least once, so every kind is idempotent.

use domain::Error;
use ports::{BlobError, Cx, Stmt};

use crate::batch::failure;
use crate::list::Scope;

/// How many rows one round delivers.
const ROUND: i64 = 50;

/// Hints for the runners about the waiting tasks a condition of ours names, when their time to wait is over.
pub fn hints(scope: Scope, condition: &str, args: impl IntoIterator<Item = ports::Value>) -> Stmt {
    scope.stmt(
        format!(
            "INSERT INTO outbox (kind, target, payload, not_before, created_at) \
             SELECT 'queue', t.type, json_object('task_id', t.id), max(?2, t.not_before), ?2 \
             FROM tasks t WHERE t.status = 'waiting' AND {condition}"
        ),
        args,
    )
}

/// Deletes a stored object, once the batch has committed. `keys` is an SQL query of keys.
pub fn delete_blobs(scope: Scope, keys: &str, args: impl IntoIterator<Item = ports::Value>) -> Stmt {
    delete_blobs_after(scope, 0, keys, args)
}

/// The same after a while, in milliseconds.
pub fn delete_blobs_after(
    scope: Scope,
    delay_ms: u32,
    keys: &str,
    args: impl IntoIterator<Item = ports::Value>,
) -> Stmt {
    scope.stmt(
        format!(
            "INSERT INTO outbox (kind, target, payload, not_before, created_at) \
             SELECT 'delete_blob', k.key, '', ?2 + {delay_ms}, ?2 FROM ({keys}) k"
        ),
        args,
    )
}

/// Deletes uploads that may be unfinished, with their parts: `uploads` is an SQL query of `key` and `multipart`, which is
/// null for a finished one. Not before so many milliseconds are over.
pub fn delete_uploads(
    scope: Scope,
    delay_ms: u32,
    uploads: &str,
    args: impl IntoIterator<Item = ports::Value>,
) -> Stmt {
    scope.stmt(
        format!(
            "INSERT INTO outbox (kind, target, payload, not_before, created_at) \
             SELECT 'delete_blob', u.key, coalesce(u.multipart, ''), ?2 + {delay_ms}, ?2 FROM ({uploads}) u"
        ),
        args,
    )
}

/// Delivers what is due; returns how many rows were delivered. A row that fails is tried again later.
pub async fn flush(cx: &Cx) -> Result<usize, Error> {
    let scope = Scope { me: 0, now: cx.now, profile: cx.config.profile };
    let due = scope.stmt(
        "UPDATE outbox SET attempts = attempts + 1, not_before = ?2 + 5000 * min(attempts + 1, 60) \
         WHERE id IN (SELECT id FROM outbox WHERE not_before <= ?2 ORDER BY id LIMIT ?3) \
         RETURNING id, kind, target, payload",
        [ROUND.into()],
    );
    let rows = cx.ports.sql.run(vec![due]).await.map_err(failure)?;
    let mut done = Vec::new();
    for row in rows.first().into_iter().flat_map(|rows| rows.iter()) {
        let (Some(id), Some(kind), Some(target)) = (row.int("id"), row.text("kind"), row.text("target")) else {
            continue;
        };
        let delivered = match kind {
            "queue" => {
                let sent = cx.ports.queue.send(target, row.text("payload").unwrap_or_default()).await;
                sent.map_err(|e| e.0)
            }
            "delete_blob" => delete(cx, target, row.text("payload").unwrap_or_default()).await,
            other => Err(format!("unknown kind {other}")),
        };
        if delivered.is_ok() {
            done.push(id);
        }
    }
    if !done.is_empty() {
        let list = serde_json::json!(done).to_string();
        let clear = Stmt::new("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?1))", [list.into()]);
        cx.ports.sql.run(vec![clear]).await.map_err(failure)?;
    }
    Ok(done.len())
}

/// Deletes an object, and before it the parts of an `upload` that is not complete, if it names one.
async fn delete(cx: &Cx, key: &str, upload: &str) -> Result<(), String> {
    let blobs = &cx.ports.blobs;
    if !upload.is_empty() {
        match blobs.abort(key, upload).await {
            // It was ended, or completed, before.
            Ok(()) | Err(BlobError::Parts(_)) => {}
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    blobs.delete(key).await.map_err(|e| format!("{e:?}"))
}

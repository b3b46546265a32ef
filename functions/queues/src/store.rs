//! The SQL of leases. A message is visible when `visible_at` has come; pulling it moves that into the future and gives
//! it a fresh `lease_id`, so a lease that has run out simply shows the message again, and its id stops being valid.
//!
//! As on the platform's own queue a message is delivered once and retried `MAX_RETRIES` times; a retry asked for and a
//! lease that ran out count alike. After that it is in the dead letter queue, where it may be pulled any number of times.
//!
//! Nothing here may take longer the more messages there are: a lease is found by its index and not by its queue's, which
//! is what the `+` in `+queue` says (it keeps a column from choosing the index).

use ::store::queue::NOW;
use base64::{Engine, engine::general_purpose::STANDARD};
use ports::{Row, Rows, Stmt, Value};
use serde_json::{Value as Json, json};

use crate::model::{Ack, Pull};

/// A fourth lease is the last. The index `queue_messages_exhausted` has this number in it.
const MAX_RETRIES: u8 = 3;
const DEAD: &str = "-dlq";

/// Moves to the dead letter queue what was given back or left lying once too often. For a dead letter queue this is
/// about the one it belongs to: whoever pulls from it sees all there is, even when nobody pulls from the other.
pub fn bury(queue: &str) -> Stmt {
    Stmt::new(
        format!(
            "UPDATE queue_messages INDEXED BY queue_messages_exhausted SET queue = ?1 || '{DEAD}', attempts = 0, \
             lease_id = NULL, visible_at = {NOW} \
             WHERE queue = ?1 AND attempts > {MAX_RETRIES} AND (lease_id IS NULL OR visible_at <= {NOW})"
        ),
        [queue.strip_suffix(DEAD).unwrap_or(queue).into()],
    )
}

/// Leases the messages that have been visible longest.
pub fn lease(queue: &str, pull: &Pull) -> Stmt {
    Stmt::new(
        format!(
            "UPDATE queue_messages SET attempts = attempts + 1, lease_id = lower(hex(randomblob(16))), \
             visible_at = {NOW} + ?2 WHERE position IN (SELECT position FROM queue_messages \
             WHERE queue = ?1 AND visible_at <= {NOW} ORDER BY visible_at, position LIMIT ?3) \
             RETURNING position, id, attempts, created_at, body, content_type, lease_id"
        ),
        [queue.into(), pull.visibility_ms.into(), pull.batch_size.into()],
    )
}

/// How much is in the queue and not acknowledged, leased messages included.
pub fn backlog(queue: &str) -> Stmt {
    Stmt::new(
        "SELECT messages, bytes, coalesce((SELECT created_at FROM queue_messages WHERE queue = ?1 \
         ORDER BY position LIMIT 1), 0) AS oldest FROM queue_backlogs WHERE queue = ?1",
        [queue.into()],
    )
}

/// First of the statements of an acknowledgement: takes the lease away where it has run out, so that those after it
/// need no clock and agree with each other.
pub fn expire(queue: &str, ack: &Ack) -> Stmt {
    Stmt::new(
        format!(
            "UPDATE queue_messages SET lease_id = NULL WHERE +queue = ?1 AND visible_at <= {NOW} \
             AND lease_id IN (SELECT value FROM json_each(?2))"
        ),
        [queue.into(), all(ack)],
    )
}

/// Which of the leases hold.
pub fn held(queue: &str, ack: &Ack) -> Stmt {
    Stmt::new(
        "SELECT lease_id FROM queue_messages WHERE +queue = ?1 AND lease_id IN (SELECT value FROM json_each(?2))",
        [queue.into(), all(ack)],
    )
}

/// Removes what is done.
pub fn settle(queue: &str, ack: &Ack) -> Stmt {
    Stmt::new(
        "DELETE FROM queue_messages WHERE +queue = ?1 AND lease_id IN (SELECT value FROM json_each(?2)) RETURNING id",
        [queue.into(), json!(ack.acks).to_string().into()],
    )
}

/// Shows again, after its delay, what is not. The first mention of a lease counts.
pub fn give_back(queue: &str, ack: &Ack) -> Stmt {
    Stmt::new(
        format!(
            "UPDATE queue_messages SET lease_id = NULL, visible_at = {NOW} + 1000 * (SELECT json_extract(value, '$[1]') \
             FROM json_each(?2) WHERE json_extract(value, '$[0]') = lease_id LIMIT 1) \
             WHERE +queue = ?1 AND lease_id IN (SELECT json_extract(value, '$[0]') FROM json_each(?2)) RETURNING id"
        ),
        [queue.into(), json!(ack.retries).to_string().into()],
    )
}

fn all(ack: &Ack) -> Value {
    let leases: Vec<&String> = ack.acks.iter().chain(ack.retries.iter().map(|(lease, _)| lease)).collect();
    json!(leases).to_string().into()
}

/// The leased messages, oldest first: `RETURNING` promises no order.
pub fn messages(rows: &Rows) -> Vec<Json> {
    let mut rows: Vec<Row<'_>> = rows.iter().collect();
    rows.sort_by_key(|row| row.int("position"));
    rows.into_iter().map(message).collect()
}

/// Text stands as it is; JSON is base64 here, as on the platform's own queue.
fn message(row: Row<'_>) -> Json {
    let (body, content_type) = (row.text("body").unwrap_or_default(), row.text("content_type").unwrap_or("text"));
    json!({
        "id": row.text("id"),
        "attempts": row.int("attempts"),
        "timestamp_ms": row.int("created_at"),
        "body": if content_type == "text" { body.to_string() } else { STANDARD.encode(body) },
        "lease_id": row.text("lease_id"),
        "metadata": {"CF-Content-Type": content_type},
    })
}

pub fn metrics(rows: &Rows) -> Json {
    let number = |name| rows.first().and_then(|row| row.int(name)).unwrap_or(0);
    json!({
        "backlog_count": number("messages"),
        "backlog_bytes": number("bytes"),
        "oldest_message_timestamp_ms": number("oldest"),
    })
}

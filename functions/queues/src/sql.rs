//! The SQL of leases. A message is visible when `visible_at` has come; pulling it moves that into the future and gives
//! it a fresh `lease_id`, so a lease that has run out simply shows the message again, and its id stops being valid.
//!
//! As in Cloudflare Queues a message is delivered once and retried `MAX_RETRIES` times; a retry asked for and a lease
//! that ran out count alike. After that it is in the dead letter queue, where it may be pulled any number of times.
//!
//! No statement may take longer the more messages there are: a lease is found by its own index, not by that of its
//! queue. That is what the `+` in `+queue` is for: it keeps SQLite from choosing an index by that column.

use base64::{Engine, engine::general_purpose::STANDARD};
use ports::{Row, Rows};
use serde_json::{Value, json};
use store::queue::NOW;
use store::{Query, args};

use crate::model::{Ack, Message, Pull};

/// A fourth lease is the last. The index `queue_messages_exhausted` has this number in it.
const MAX_RETRIES: u8 = 3;
/// The name of a dead letter queue ends so.
const DEAD: &str = "-dlq";

/// Inserts a message. As `store::queue::push`, within a transaction.
pub fn insert(queue: &str, message: &Message) -> Query {
    let Message { body, content_type, delay_ms } = message;
    Query::new(
        format!(
            "INSERT INTO queue_messages (id, queue, body, content_type, visible_at, created_at) \
             VALUES (lower(hex(randomblob(16))), :queue, :body, :content_type, {NOW} + :delay_ms, {NOW})"
        ),
        args! { queue, body, content_type: *content_type, delay_ms },
    )
}

/// Moves to the dead letter queue the messages that were returned or left to expire once too often. For a dead letter
/// queue it moves those of the queue it belongs to: a pull sees all there is, even when nobody pulls from the other.
pub fn dead_letter(queue: &str) -> Query {
    Query::new(
        format!(
            "UPDATE queue_messages INDEXED BY queue_messages_exhausted SET queue = :queue || '{DEAD}', attempts = 0, \
             lease_id = NULL, visible_at = {NOW} \
             WHERE queue = :queue AND attempts > {MAX_RETRIES} AND (lease_id IS NULL OR visible_at <= {NOW})"
        ),
        args! { queue: queue.strip_suffix(DEAD).unwrap_or(queue) },
    )
}

/// Leases the messages that have been visible longest.
pub fn lease(queue: &str, pull: &Pull) -> Query {
    Query::new(
        format!(
            "UPDATE queue_messages SET attempts = attempts + 1, lease_id = lower(hex(randomblob(16))), \
             visible_at = {NOW} + :visibility_ms WHERE position IN (SELECT position FROM queue_messages \
             WHERE queue = :queue AND visible_at <= {NOW} ORDER BY visible_at, position LIMIT :batch_size) \
             RETURNING position, id, attempts, created_at, body, content_type, lease_id"
        ),
        args! { queue, visibility_ms: pull.visibility_timeout_ms, batch_size: pull.batch_size },
    )
}

/// Queries the size of the queue: messages that are not acknowledged, leased ones included.
pub fn backlog(queue: &str) -> Query {
    Query::new(
        "SELECT messages, bytes, coalesce((SELECT created_at FROM queue_messages WHERE queue = :queue \
         ORDER BY position LIMIT 1), 0) AS oldest FROM queue_backlogs WHERE queue = :queue",
        args! { queue },
    )
}

/// Ends leases that have run out. The first statement of an acknowledgement, so that those after it need no clock and
/// agree with each other.
pub fn end_expired_leases(queue: &str, ack: &Ack) -> Query {
    Query::new(
        format!(
            "UPDATE queue_messages SET lease_id = NULL WHERE +queue = :queue AND visible_at <= {NOW} \
             AND lease_id IN (SELECT value FROM json_each(:leases))"
        ),
        args! { queue, leases: json_array(ack.lease_ids()) },
    )
}

/// Queries the leases that are valid.
pub fn valid_leases(queue: &str, ack: &Ack) -> Query {
    Query::new(
        "SELECT lease_id FROM queue_messages \
         WHERE +queue = :queue AND lease_id IN (SELECT value FROM json_each(:leases))",
        args! { queue, leases: json_array(ack.lease_ids()) },
    )
}

/// Removes acknowledged messages.
pub fn remove(queue: &str, ack: &Ack) -> Query {
    Query::new(
        "DELETE FROM queue_messages \
         WHERE +queue = :queue AND lease_id IN (SELECT value FROM json_each(:leases)) RETURNING id",
        args! { queue, leases: json_array(ack.acks.iter().map(|done| &done.lease_id)) },
    )
}

/// Makes returned messages visible again after their delay. The first mention of a lease counts.
pub fn retry(queue: &str, ack: &Ack) -> Query {
    let retries: Vec<Value> = ack.retries.iter().map(|retry| json!([retry.lease_id, retry.delay_seconds])).collect();
    Query::new(
        format!(
            "UPDATE queue_messages SET lease_id = NULL, visible_at = {NOW} \
             + 1000 * (SELECT json_extract(value, '$[1]') FROM json_each(:retries) \
             WHERE json_extract(value, '$[0]') = lease_id LIMIT 1) \
             WHERE +queue = :queue AND lease_id IN (SELECT json_extract(value, '$[0]') FROM json_each(:retries)) \
             RETURNING id"
        ),
        args! { queue, retries: Value::from(retries).to_string() },
    )
}

fn json_array<'a>(leases: impl Iterator<Item = &'a String>) -> String {
    leases.map(String::as_str).collect::<Value>().to_string()
}

/// The leased messages as JSON, oldest first: `RETURNING` promises no order.
pub fn messages(rows: &Rows) -> Vec<Value> {
    let mut rows: Vec<Row<'_>> = rows.iter().collect();
    rows.sort_by_key(|row| row.int("position"));
    rows.into_iter().map(message).collect()
}

/// A leased message as JSON. As in Cloudflare Queues text stays as it is, and JSON becomes base64.
fn message(row: Row<'_>) -> Value {
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

/// The row of `backlog` as Cloudflare's `metrics`.
pub fn metrics(row: Option<Row<'_>>) -> Value {
    let number = |name| row.and_then(|row| row.int(name)).unwrap_or(0);
    json!({
        "backlog_count": number("messages"),
        "backlog_bytes": number("bytes"),
        "oldest_message_timestamp_ms": number("oldest"),
    })
}

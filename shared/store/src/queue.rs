//! The embedded queue's table, for its two users: whoever sends, and the `queues` function that speaks the pull
//! protocol. Deployments on the platform's own queue use none of this.

use std::sync::Arc;

use async_trait::async_trait;
use ports::{Queue, QueueError, Source, Sql, Stmt};

/// Sends by inserting into the same database.
pub struct SqlQueue(pub Arc<dyn Sql>);

#[async_trait]
impl Queue for SqlQueue {
    async fn send(&self, queue: &str, body: &str) -> Result<(), QueueError> {
        let sent = self.0.run(vec![push(queue, body, "text", 0)]).await;
        sent.map(drop).map_err(|e| QueueError(Source::new(e)))
    }
}

/// Inserts a message that is visible after `delay_ms`. It goes by the database's clock: a queue is its own system.
pub fn push(queue: &str, body: &str, content_type: &str, delay_ms: i64) -> Stmt {
    Stmt::new(
        format!(
            "INSERT INTO queue_messages (id, queue, body, content_type, visible_at, created_at) \
             VALUES (lower(hex(randomblob(16))), ?1, ?2, ?3, {NOW} + ?4, {NOW})"
        ),
        [queue.into(), body.into(), content_type.into(), delay_ms.into()],
    )
}

/// Milliseconds since 1970 by the database's clock, as an SQL expression.
pub const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

//! Checks of the queue.

use super::{Check, expect};
use crate::Queue;

/// The queue. `pull` returns and removes the bodies of all messages in a queue, oldest first.
pub async fn queue<P>(queue: &dyn Queue, pull: impl Fn(&'static str) -> P) -> Check
where
    P: Future<Output = Result<Vec<String>, String>>,
{
    let fail = |e: crate::QueueError| e.to_string();
    pull("conformance").await?;
    let bodies = [r#"{"task_id":1}"#, "貓'\"\\", r#"{"task_id":1}"#];
    for body in bodies {
        queue.send("conformance", body).await.map_err(fail)?;
    }
    queue.send("conformance-other", "other").await.map_err(fail)?;
    expect(pull("conformance").await? == bodies, "messages do not arrive as they were sent, in order")?;
    expect(pull("conformance").await?.is_empty(), "a message arrives twice")?;
    expect(pull("conformance-other").await? == ["other"], "queues are not kept apart")
}

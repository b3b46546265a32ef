//! The queue port: handing hints to runners. Sending is at least once; the database row decides.

use async_trait::async_trait;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueError(pub String);

#[async_trait]
pub trait Queue: Send + Sync {
    /// Puts one message with this body into the named queue (`inference`, `training`).
    async fn send(&self, queue: &str, body: &str) -> Result<(), QueueError>;
}

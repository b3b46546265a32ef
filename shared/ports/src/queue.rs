//! The queue port: hints for runners. Messages may arrive more than once; the database row decides.

use async_trait::async_trait;

use crate::Source;

/// Why the engine did not do it.
#[derive(Clone, Debug)]
pub struct QueueError(pub Source);

impl std::fmt::Display for QueueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for QueueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Named queues.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends one message to the named queue (`inference`, `training`).
    async fn send(&self, queue: &str, body: &str) -> Result<(), QueueError>;
}

//! The key-value port: eventually consistent, for public catalogues only; never for sessions, leases or visibility.

use async_trait::async_trait;

use crate::Source;

/// Why the engine did not do it.
#[derive(Clone, Debug)]
pub struct KvError(pub Source);

impl std::fmt::Display for KvError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for KvError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Keys and their texts.
#[async_trait]
pub trait Kv: Send + Sync {
    /// The value of a key.
    async fn get(&self, key: &str) -> Result<Option<String>, KvError>;
    /// Sets a value.
    async fn put(&self, key: &str, value: &str) -> Result<(), KvError>;
    /// Removes a key; removing an absent one succeeds.
    async fn delete(&self, key: &str) -> Result<(), KvError>;
}

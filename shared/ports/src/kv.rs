//! The key-value port: eventually consistent, for public catalogues only; never for sessions, leases or visibility.

use async_trait::async_trait;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvError(pub String);

#[async_trait]
pub trait Kv: Send + Sync {
    async fn get(&self, key: &str) -> Result<Option<String>, KvError>;
    async fn put(&self, key: &str, value: &str) -> Result<(), KvError>;
    async fn delete(&self, key: &str) -> Result<(), KvError>;
}

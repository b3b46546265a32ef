//! A key-value store in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use ports::{Kv, KvError, Source};

/// A key-value store in memory.
#[derive(Default)]
pub struct MemoryKv(Mutex<HashMap<String, String>>);

impl MemoryKv {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, String>) -> T) -> Result<T, KvError> {
        self.0.lock().map(|mut map| act(&mut map)).map_err(|e| KvError(Source::new(e.to_string())))
    }
}

#[async_trait]
impl Kv for MemoryKv {
    async fn get(&self, key: &str) -> Result<Option<String>, KvError> {
        self.with(|map| map.get(key).cloned())
    }

    async fn put(&self, key: &str, value: &str) -> Result<(), KvError> {
        self.with(|map| drop(map.insert(key.to_string(), value.to_string())))
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.with(|map| drop(map.remove(key)))
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn conforms() {
        assert_eq!(ports::conformance::kv(&super::MemoryKv::default()).await, Ok(()));
    }
}

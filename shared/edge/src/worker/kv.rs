//! Workers KV.

use async_trait::async_trait;
use ports::{Kv, KvError};
use worker::kv::KvStore;
use worker::send::{IntoSendFuture, SendWrapper};

pub struct KvAdapter(SendWrapper<KvStore>);

impl KvAdapter {
    pub fn new(kv: KvStore) -> KvAdapter {
        KvAdapter(SendWrapper::new(kv))
    }
}

#[async_trait]
impl Kv for KvAdapter {
    async fn get(&self, key: &str) -> Result<Option<String>, KvError> {
        self.0.get(key).text().into_send().await.map_err(|e| KvError(e.to_string()))
    }

    async fn put(&self, key: &str, value: &str) -> Result<(), KvError> {
        let put = self.0.put(key, value).map_err(|e| KvError(e.to_string()))?;
        put.execute().into_send().await.map_err(|e| KvError(e.to_string()))
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.0.delete(key).into_send().await.map_err(|e| KvError(e.to_string()))
    }
}

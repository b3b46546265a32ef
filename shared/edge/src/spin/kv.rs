//! Spin's key-value store.

use async_trait::async_trait;
use ports::{Kv, KvError, Source};
use spin_sdk::key_value::{Error, Store};

pub struct SpinKv;

fn failed(error: Error) -> KvError {
    KvError(Source::new(error))
}

#[async_trait]
impl Kv for SpinKv {
    async fn get(&self, key: &str) -> Result<Option<String>, KvError> {
        let bytes = Store::open_default().and_then(|store| store.get(key)).map_err(failed)?;
        bytes.map(|b| String::from_utf8(b).map_err(|e| KvError(Source::new(e)))).transpose()
    }

    async fn put(&self, key: &str, value: &str) -> Result<(), KvError> {
        Store::open_default().and_then(|store| store.set(key, value.as_bytes())).map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        Store::open_default().and_then(|store| store.delete(key)).map_err(failed)
    }
}

//! Workers KV, through its JavaScript interface directly: the SDK's adapter brings number formatting along, 8 KB of
//! every function.

use std::sync::Arc;

use async_trait::async_trait;
use js_sys::{Promise, Reflect};
use ports::{Kv, KvError, Source};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;
use worker::send::IntoSendFuture;

#[wasm_bindgen]
extern "C" {
    type Namespace;
    #[wasm_bindgen(method, catch)]
    fn get(this: &Namespace, key: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn put(this: &Namespace, key: &str, value: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn delete(this: &Namespace, key: &str) -> Result<Promise, JsValue>;
}

/// Looks the namespace up when it is needed.
pub struct WorkersKv(pub Arc<Env>);

/// A call of the namespace.
enum Call<'a> {
    Get,
    Put(&'a str),
    Delete,
}

impl WorkersKv {
    /// Makes the call. All of them go through here: each future of its own is a KiB of every function.
    fn promise(&self, key: &str, call: Call<'_>) -> Result<JsFuture, KvError> {
        let binding = Reflect::get(&self.0, &JsValue::from_str("KV")).ok().filter(JsValue::is_object);
        let namespace: Namespace = binding.map(JsCast::unchecked_into).ok_or_else(not_bound)?;
        let promise = match call {
            Call::Get => namespace.get(key),
            Call::Put(value) => namespace.put(key, value),
            Call::Delete => namespace.delete(key),
        };
        promise.map(JsFuture::from).map_err(failed)
    }
}

fn not_bound() -> KvError {
    KvError(Source::new("the KV namespace KV is not bound"))
}

fn failed(error: JsValue) -> KvError {
    KvError(super::source(error))
}

/// Waits for a call: its text, if it yields one.
async fn settle(promise: Result<JsFuture, KvError>) -> Result<Option<String>, KvError> {
    Ok(promise?.await.map_err(failed)?.as_string())
}

#[async_trait]
impl Kv for WorkersKv {
    async fn get(&self, key: &str) -> Result<Option<String>, KvError> {
        settle(self.promise(key, Call::Get)).into_send().await
    }

    async fn put(&self, key: &str, value: &str) -> Result<(), KvError> {
        settle(self.promise(key, Call::Put(value))).into_send().await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        settle(self.promise(key, Call::Delete)).into_send().await.map(drop)
    }
}

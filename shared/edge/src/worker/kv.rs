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

impl WorkersKv {
    fn namespace(&self) -> Result<Namespace, KvError> {
        let binding = Reflect::get(&self.0, &JsValue::from_str("KV")).ok().filter(JsValue::is_object);
        binding.map(JsCast::unchecked_into).ok_or_else(|| KvError(Source::new("the KV namespace KV is not bound")))
    }
}

async fn settled(promise: Result<Promise, JsValue>) -> Result<JsValue, KvError> {
    let failed = |error: JsValue| KvError(super::source(error));
    JsFuture::from(promise.map_err(failed)?).await.map_err(failed)
}

#[async_trait]
impl Kv for WorkersKv {
    async fn get(&self, key: &str) -> Result<Option<String>, KvError> {
        let value = async { settled(self.namespace()?.get(key)).await }.into_send().await?;
        Ok(value.as_string())
    }

    async fn put(&self, key: &str, value: &str) -> Result<(), KvError> {
        async { settled(self.namespace()?.put(key, value)).await.map(drop) }.into_send().await
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        async { settled(self.namespace()?.delete(key)).await.map(drop) }.into_send().await
    }
}

//! The platform's `fetch`. Its network does not reach private addresses.

use async_trait::async_trait;
use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use ports::{Answer, Fetch, FetchError, Outgoing};
use wasm_bindgen::{JsCast, JsValue};
use worker::send::IntoSendFuture;

use super::bridge;

pub struct Global;

#[async_trait]
impl Fetch for Global {
    async fn send(&self, request: Outgoing) -> Result<Answer, FetchError> {
        async move {
            let mut lines = String::new();
            for (name, value) in &request.headers {
                for part in [name, "\n", value, "\n"] {
                    lines.push_str(part);
                }
            }
            let body = (!request.body.is_empty()).then(|| Uint8Array::from(&*request.body));
            let limit = u32::try_from(request.max_bytes).unwrap_or(u32::MAX);
            let sent = bridge::send(request.method, &request.url, &lines, body, request.timeout_ms, limit);
            answer(&sent.await.map_err(failed)?, request.max_bytes)
        }
        .into_send()
        .await
    }
}

fn answer(result: &JsValue, limit: usize) -> Result<Answer, FetchError> {
    let parts: &Array = result.unchecked_ref();
    let head = parts.get(0).as_string().unwrap_or_default();
    let mut lines = head.split('\n');
    let status = lines.next().and_then(|status| status.parse().ok());
    let mut headers = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        headers.push((name.to_string(), value.to_string()));
    }
    let body = Bytes::from(parts.get(1).unchecked_into::<Uint8Array>().to_vec());
    Ok(Answer {
        status: status.ok_or_else(|| FetchError::Failed("an answer without a status".into()))?,
        headers,
        whole: body.len() <= limit,
        body: body.slice(..body.len().min(limit)),
    })
}

fn failed(error: JsValue) -> FetchError {
    let late = error.dyn_ref::<js_sys::Error>().is_some_and(|error| error.name() == "TimeoutError");
    if late { FetchError::TimedOut } else { FetchError::Failed(super::words(&error)) }
}

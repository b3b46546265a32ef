//! The platform's `fetch`. Its network does not reach private addresses.

use async_trait::async_trait;
use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use ports::{Fetch, FetchError, FetchRequest, FetchResponse, Source};
use wasm_bindgen::{JsCast, JsValue};
use worker::send::IntoSendFuture;

use super::js;

/// `fetch` of the isolate.
pub struct GlobalFetch;

#[async_trait]
impl Fetch for GlobalFetch {
    async fn send(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        async move {
            let mut lines = String::new();
            for (name, value) in &request.headers {
                for part in [name, "\n", value, "\n"] {
                    lines.push_str(part);
                }
            }
            let body = (!request.body.is_empty()).then(|| Uint8Array::from(&*request.body));
            let limit = u32::try_from(request.max_bytes).unwrap_or(u32::MAX);
            let sent = js::send(request.method, &request.url, &lines, body, request.timeout_ms, limit);
            response(&sent.await.map_err(failed)?, request.max_bytes)
        }
        .into_send()
        .await
    }
}

fn response(result: &JsValue, limit: usize) -> Result<FetchResponse, FetchError> {
    let parts: &Array = result.unchecked_ref();
    let head = parts.get(0).as_string().unwrap_or_default();
    let mut lines = head.split('\n');
    let status = lines.next().and_then(|status| status.parse().ok());
    let mut headers = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        headers.push((name.to_string(), value.to_string()));
    }
    let body = Bytes::from(parts.get(1).unchecked_into::<Uint8Array>().to_vec());
    Ok(FetchResponse {
        status: status.ok_or_else(|| FetchError::Failed(Source::new("a response without a status")))?,
        headers,
        complete: body.len() <= limit,
        body: body.slice(..body.len().min(limit)),
    })
}

fn failed(error: JsValue) -> FetchError {
    let late = error.dyn_ref::<js_sys::Error>().is_some_and(|error| error.name() == "TimeoutError");
    if late { FetchError::TimedOut } else { FetchError::Failed(super::source(error)) }
}

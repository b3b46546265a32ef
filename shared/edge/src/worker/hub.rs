//! Durable Objects: one room each, and one sweeper. This is the protocol between the edge and `functions/hub`.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::room::{Event, Join};
use js_sys::Reflect;
use ports::{Hub, HubError, Source, Upgraded};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;
use worker::Env;
use worker::send::{IntoSendFuture, SendWrapper};

use super::{js, source};

/// Carries `Join` as base64 of JSON; the gateway lets no `x-internal-` header in from outside.
pub const JOIN_HEADER: &str = "x-internal-join";

/// Looks its bindings up when they are needed: most requests publish nothing. It does without the SDK, whose requests
/// and responses are a tenth of what a function may weigh.
pub struct DurableHub(pub Arc<Env>);

impl DurableHub {
    async fn ask(
        &self,
        binding: &str,
        name: &str,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<&str>,
    ) -> Result<Response, HubError> {
        let objects = Reflect::get(&self.0, &binding.into()).ok().filter(JsValue::is_object);
        let objects = objects.ok_or_else(|| HubError(Source::new(format!("{binding} is not bound"))))?;
        let asked = js::ask(&objects, name, method, path, headers, body).map_err(failed)?;
        let response: Response = JsFuture::from(asked).await.map_err(failed)?.unchecked_into();
        match response.status() {
            200..=299 | 101 => Ok(response),
            status => Err(HubError(Source::new(format!("the hub replied {status}")))),
        }
    }
}

fn failed(error: JsValue) -> HubError {
    HubError(source(error))
}

#[async_trait]
impl Hub for DurableHub {
    async fn publish(&self, room: &str, event: &Event) -> Result<(), HubError> {
        let body = serde_json::to_string(event).map_err(|e| HubError(Source::new(e)))?;
        async move { self.ask("HUB", room, "POST", room, "", Some(&body)).await.map(drop) }.into_send().await
    }

    async fn watch(&self, room: &str, join: &Join) -> Result<Upgraded, HubError> {
        let json = serde_json::to_vec(join).map_err(|e| HubError(Source::new(e)))?;
        let upgrade = if join.event_stream { "" } else { "\nupgrade\nwebsocket" };
        let headers = format!("{JOIN_HEADER}\n{}{upgrade}", STANDARD.encode(json));
        async move {
            let response = self.ask("HUB", room, "GET", room, &headers, None).await?;
            Ok(Upgraded::new(SendWrapper::new(response)))
        }
        .into_send()
        .await
    }

    async fn wake(&self) -> Result<(), HubError> {
        async { self.ask("SWEEPER", "sweeper", "POST", "wake", "", None).await.map(drop) }.into_send().await
    }
}

/// The whole text of an event stream, for the conformance suite.
pub async fn event_stream_text(upgraded: Upgraded) -> Result<String, String> {
    let response = upgraded.take::<SendWrapper<Response>>().ok_or("no response")?;
    let text = async move { JsFuture::from(response.text()?).await }.into_send().await;
    text.map_err(|error| source(error).to_string())?.as_string().ok_or_else(|| "no text".to_string())
}

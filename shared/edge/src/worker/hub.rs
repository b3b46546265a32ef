//! Durable Objects: one room each, and one sweeper. How the edge and `functions/hub` speak to each other stands here.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::room::{Event, Join};
use ports::{Hub, HubError, Upgraded};
use worker::send::{IntoSendFuture, SendFuture, SendWrapper};
use worker::{Env, Headers, Method, Request, RequestInit, Response};

/// Carries `Join` as base64 of JSON; the gateway lets no `x-internal-` header in from outside.
pub const JOIN_HEADER: &str = "x-internal-join";

/// Looks its bindings up when they are needed: most requests tell nobody anything.
pub struct DurableHub(pub Arc<Env>);

impl DurableHub {
    async fn call(&self, binding: &str, name: &str, request: Request) -> Result<Response, HubError> {
        let objects = self.0.durable_object(binding).map_err(|_| HubError(format!("{binding} is not bound")))?;
        let response = objects.get_by_name(name).map_err(failed)?.fetch_with_request(request).await.map_err(failed)?;
        match response.status_code() {
            200..=299 | 101 => Ok(response),
            status => Err(HubError(format!("the hub answered {status}"))),
        }
    }
}

fn failed(error: worker::Error) -> HubError {
    HubError(error.to_string())
}

fn request(path: &str, init: &RequestInit) -> Result<Request, HubError> {
    Request::new_with_init(&format!("https://hub/{path}"), init).map_err(failed)
}

#[async_trait]
impl Hub for DurableHub {
    async fn publish(&self, room: &str, event: &Event) -> Result<(), HubError> {
        let body = serde_json::to_string(event).map_err(|e| HubError(e.to_string()))?;
        SendFuture::new(async move {
            let mut init = RequestInit::new();
            init.with_method(Method::Post).with_body(Some(body.into()));
            self.call("HUB", room, request(room, &init)?).await.map(drop)
        })
        .await
    }

    async fn watch(&self, room: &str, join: &Join) -> Result<Upgraded, HubError> {
        let json = serde_json::to_vec(join).map_err(|e| HubError(e.to_string()))?;
        SendFuture::new(async move {
            let headers = Headers::new();
            headers.set(JOIN_HEADER, &STANDARD.encode(json)).map_err(failed)?;
            if !join.event_stream {
                headers.set("upgrade", "websocket").map_err(failed)?;
            }
            let mut init = RequestInit::new();
            init.with_headers(headers);
            let response = self.call("HUB", room, request(room, &init)?).await?;
            Ok(Upgraded::new(SendWrapper::new(response)))
        })
        .await
    }

    async fn wake(&self) -> Result<(), HubError> {
        async {
            let mut init = RequestInit::new();
            init.with_method(Method::Post);
            self.call("SWEEPER", "sweeper", request("wake", &init)?).await.map(drop)
        }
        .into_send()
        .await
    }
}

//! A request being put together.

use std::sync::Arc;

use http_body_util::BodyExt;
use ports::Upgraded;
use serde_json::Value as Json;
use web::axum::body::Body;

use crate::kit::{Account, Kit};
use crate::reply::Reply;

/// A request being put together.
pub struct Call<'a> {
    kit: &'a Kit,
    request: http::request::Builder,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(kit: &'a Kit, method: &str, path: &str) -> Call<'a> {
        Call { kit, request: http::Request::builder().method(method).uri(path), body: Vec::new() }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// By an account.
    pub fn by(self, account: &Account) -> Self {
        self.bearer(&account.token)
    }

    /// By whoever has this token or key.
    pub fn bearer(self, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        self.header("authorization", &bearer)
    }

    /// With a JSON body.
    pub fn json(self, body: Json) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With a body.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sends it to the function.
    pub async fn send(self) -> Reply {
        let request = self.request.body(Body::from(self.body)).unwrap_or_else(|e| panic!("no request: {e}"));
        let response = self.kit.app.handle(self.kit.runtime(), request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        let join = parts.extensions.get::<Arc<Upgraded>>().and_then(|upgraded| upgraded.take());
        Reply { status: parts.status.as_u16(), headers: parts.headers, bytes, join }
    }
}

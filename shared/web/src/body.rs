//! Request bodies: read up to a limit and no further, of the expected media type.

use std::marker::PhantomData;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use domain::Error;
use domain::messages::{BODY_TOO_LARGE, MALFORMED_JSON, UNSUPPORTED_MEDIA_TYPE};
use http::header;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use crate::auth::sha256_hex;
use crate::form::FormData;
use crate::reply::Failure;

/// A JSON body of at most 64 KiB, for a form.
pub type Json<T> = JsonUpTo<T, 65_536>;

/// A JSON body of at most `LIMIT` bytes, for a form.
pub struct JsonUpTo<T, const LIMIT: usize> {
    value: Value,
    /// Hex SHA-256 of the bytes, for `Idempotency-Key`.
    pub hash: String,
    form: PhantomData<fn() -> T>,
}

impl<T: FormData, const LIMIT: usize> JsonUpTo<T, LIMIT> {
    /// Checks and reads the body. Handlers begin their transaction first, so that 401 comes before 400.
    pub fn read(&self) -> Result<T, Error> {
        T::read(&self.value)
    }

    /// As `read`, of the body after `change`, which may add what was not sent. The hash stays that of the bytes.
    pub fn read_after(mut self, change: impl FnOnce(&mut Value)) -> Result<T, Error> {
        change(&mut self.value);
        self.read()
    }
}

/// A body of at most `LIMIT` bytes, of any type.
pub struct Raw<const LIMIT: usize> {
    /// All of it.
    pub bytes: Bytes,
    /// As sent, or empty.
    pub content_type: String,
}

impl<S: Sync, T, const LIMIT: usize> FromRequest<S> for JsonUpTo<T, LIMIT> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let media = media_type(&request);
        let json = media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"));
        if !json && !media.is_empty() {
            return Err(Failure(UNSUPPORTED_MEDIA_TYPE.on("Content-Type").arg("application/json")));
        }
        let bytes = collect(request, LIMIT).await?;
        let value = serde_json::from_slice(&bytes).map_err(|e| MALFORMED_JSON.error().cause(e))?;
        Ok(JsonUpTo { value, hash: sha256_hex(&bytes), form: PhantomData })
    }
}

impl<S: Sync, const LIMIT: usize> FromRequest<S> for Raw<LIMIT> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let content_type = header_text(&request, header::CONTENT_TYPE).to_string();
        Ok(Raw { bytes: collect(request, LIMIT).await?, content_type })
    }
}

async fn collect(request: Request<Body>, limit: usize) -> Result<Bytes, Error> {
    let too_large = || BODY_TOO_LARGE.error().arg(size(limit));
    let announced = header_text(&request, header::CONTENT_LENGTH).parse::<usize>().unwrap_or(0);
    if announced > limit {
        return Err(too_large());
    }
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(too_large()),
        Err(e) => Err(MALFORMED_JSON.error().cause(e)),
    }
}

fn size(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

fn header_text(request: &Request<Body>, name: header::HeaderName) -> &str {
    request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

fn media_type(request: &Request<Body>) -> String {
    let value = header_text(request, header::CONTENT_TYPE);
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

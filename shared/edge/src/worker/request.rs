//! The platform's requests and responses to those of `http`, and back. The URL is split as text: parsing it would
//! bring 18 KiB of parser into every function. The SDK's own `Request` is not used: making one reads every part
//! of the platform's, also `cf`, which is costly and here never asked for.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use ports::Upgraded;
use web::axum::body::{Body, HttpBody};
use worker::send::SendWrapper;
use worker::{ByteStream, FixedLengthStream, Headers, ResponseBuilder};

use super::js;

pub fn inward(request: &web_sys::Request) -> worker::Result<http::Request<Body>> {
    let refused = |e: http::Error| worker::Error::RustError(e.to_string());
    let head = js::head(request);
    let mut lines = head.split('\n');
    let (method, url) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let target = url.split('#').next().unwrap_or(url);
    let mut builder = http::Request::builder().method(method).uri(target);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        builder = builder.header(name, value);
    }
    let body = match request.body() {
        Some(stream) => {
            let chunks = ByteStream::from(stream).map(|chunk| chunk.map_err(|e| std::io::Error::other(e.to_string())));
            Body::from_stream(send_wrapper::SendWrapper::new(chunks))
        }
        None => Body::empty(),
    };
    builder.body(body).map_err(refused)
}

pub async fn outward(mut response: http::Response<Body>) -> worker::Result<web_sys::Response> {
    let upgraded = response.extensions_mut().remove::<Arc<Upgraded>>();
    if let Some(response) = upgraded.and_then(|u| u.take::<SendWrapper<web_sys::Response>>()) {
        return Ok(response.0);
    }
    let (parts, body) = response.into_parts();
    match body.size_hint().exact() {
        Some(size) => {
            let bytes = body.collect().await.map_err(|e| worker::Error::RustError(e.to_string()))?.to_bytes();
            Ok(whole(&parts, (size > 0).then_some(bytes))?)
        }
        None => Ok(streamed(&parts, body)?.into()),
    }
}

fn streamed(parts: &http::response::Parts, body: Body) -> worker::Result<worker::Response> {
    let headers = Headers::new();
    for (name, value) in texts(parts) {
        headers.append(name, value)?;
    }
    let builder = ResponseBuilder::new().with_status(parts.status.as_u16()).with_headers(headers);
    let chunks = body.into_data_stream();
    let chunks = chunks.map(|chunk| chunk.map(Vec::from).map_err(|e| worker::Error::RustError(e.to_string())));
    let length = parts.headers.get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    match length {
        // Announces the length, which a mere stream cannot.
        Some(length) => {
            let fixed: worker::worker_sys::FixedLengthStream = FixedLengthStream::wrap(chunks, length).into();
            Ok(builder.stream(fixed.readable()))
        }
        None => builder.from_stream(chunks),
    }
}

fn whole(parts: &http::response::Parts, body: Option<Bytes>) -> worker::Result<web_sys::Response> {
    let mut lines = String::with_capacity(512);
    for (name, value) in texts(parts) {
        for part in [name, "\n", value, "\n"] {
            lines.push_str(part);
        }
    }
    Ok(js::respond(parts.status.as_u16(), &lines, body.as_deref())?)
}

/// Headers that are text, which all of ours are.
fn texts(parts: &http::response::Parts) -> impl Iterator<Item = (&str, &str)> {
    parts.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
}

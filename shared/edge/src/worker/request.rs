//! The platform's requests and responses to those of `http`, and back. The URL is split as text: parsing it would
//! bring 74 KB of Unicode tables into every function.

use std::sync::Arc;

use futures_util::StreamExt;
use http_body_util::BodyExt;
use ports::Upgraded;
use web::axum::body::{Body, HttpBody};
use worker::send::SendWrapper;
use worker::{ByteStream, FixedLengthStream, Headers, Request, Response, ResponseBuilder};

pub fn inward(request: Request) -> worker::Result<http::Request<Body>> {
    let refused = |e: http::Error| worker::Error::RustError(e.to_string());
    let url = request.inner().url();
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let target = rest.find('/').map_or("/", |i| &rest[i..]);
    let target = target.split('#').next().unwrap_or("/");
    // As text: the SDK's own type takes a method it does not know for GET.
    let mut builder = http::Request::builder().method(request.inner().method().as_str()).uri(target);
    for (name, value) in request.headers().entries() {
        builder = builder.header(name, value);
    }
    let body = match request.inner().body() {
        Some(stream) => {
            let chunks = ByteStream::from(stream).map(|chunk| chunk.map_err(|e| std::io::Error::other(e.to_string())));
            Body::from_stream(send_wrapper::SendWrapper::new(chunks))
        }
        None => Body::empty(),
    };
    builder.body(body).map_err(refused)
}

pub async fn outward(mut response: http::Response<Body>) -> worker::Result<Response> {
    let upgraded = response.extensions_mut().remove::<Arc<Upgraded>>();
    if let Some(response) = upgraded.and_then(|u| u.take::<SendWrapper<Response>>()) {
        return Ok(response.0);
    }
    let (parts, body) = response.into_parts();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            headers.append(name.as_str(), value)?;
        }
    }
    let builder = ResponseBuilder::new().with_status(parts.status.as_u16()).with_headers(headers);
    match body.size_hint().exact() {
        Some(0) => Ok(builder.empty()),
        Some(_) => {
            let bytes = body.collect().await.map_err(|e| worker::Error::RustError(e.to_string()))?.to_bytes();
            Ok(builder.fixed(bytes.into()))
        }
        None => {
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
    }
}

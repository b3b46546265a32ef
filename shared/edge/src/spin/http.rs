//! WASI's requests and responses to those of `http`, and back.

use futures_util::{SinkExt, StreamExt, TryStreamExt};
use http::{HeaderValue, StatusCode};
use send_wrapper::SendWrapper;
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};
use web::axum::body::Body;

/// The caller's address as the host saw it, with a port.
const CLIENT: &str = "spin-client-addr";
/// Where handlers look for it.
const ADDRESS: &str = "cf-connecting-ip";

/// An answer instead of a request, when it cannot be one.
pub fn inward(request: IncomingRequest) -> Result<http::Request<Body>, Box<http::Response<Body>>> {
    let target = request.path_with_query().unwrap_or_else(|| "/".into());
    let mut builder = http::Request::builder().method(request.method().to_string().as_str()).uri(target);
    if let Some(headers) = builder.headers_mut() {
        for (name, value) in request.headers().entries() {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
                headers.append(name, value);
            }
        }
        // Whatever the caller says of itself in this header is not to be believed.
        headers.remove(ADDRESS);
        let client =
            headers.get(CLIENT).and_then(|v| v.to_str().ok()).and_then(|v| Some(v.rsplit_once(':')?.0.to_string()));
        if let Some(Ok(value)) = client.map(|ip| HeaderValue::from_str(ip.trim_matches(['[', ']']))) {
            headers.insert(ADDRESS, value);
        }
    }
    let chunks = request.into_body_stream().map_err(|e| std::io::Error::other(format!("{e:?}")));
    builder.body(Body::from_stream(SendWrapper::new(chunks))).map_err(|_| {
        let mut response = http::Response::new(Body::empty());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        Box::new(response)
    })
}

pub async fn outward(response: http::Response<Body>, out: ResponseOutparam) {
    let (parts, body) = response.into_parts();
    let headers = Fields::new();
    for (name, value) in &parts.headers {
        if headers.append(name.as_ref(), value.as_bytes()).is_err() {
            log::warn!("The header {name} cannot be sent.");
        }
    }
    let outgoing = OutgoingResponse::new(headers);
    if outgoing.set_status_code(parts.status.as_u16()).is_err() {
        log::error!("The status {} cannot be sent.", parts.status);
    }
    let mut sink = outgoing.take_body();
    out.set(outgoing);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let sent = match chunk {
            Ok(bytes) => sink.send(bytes.into()).await.map_err(|e| format!("{e:?}")),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            log::warn!("A response ended early: {error}");
            return;
        }
    }
}

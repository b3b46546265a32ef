//! Cross-origin requests. Tokens travel in headers, never in cookies, so any origin may ask; what it may do is
//! decided by the token alone.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};

const ALLOWED: &str = "authorization, token, x-api-key, content-type, idempotency-key, x-api-profile, accept-language, last-event-id, range";
const EXPOSED: &str = "location, retry-after, content-language, etag, content-range";

/// The answer to a preflight request, if this is one.
pub(crate) fn preflight(request: &Request<Body>) -> Option<Response> {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    put(headers, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE");
    put(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    put(headers, header::ACCESS_CONTROL_MAX_AGE, "86400");
    Some(response)
}

pub(crate) fn allow(headers: &mut HeaderMap) {
    put(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    put(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

//! Replies that caches may keep: JSON with an `ETag` and `Cache-Control`, and 304 for a caller who has it already. Only
//! for what does not depend on the caller.

use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, header};

use crate::auth::sha256_hex;
use crate::reply::{Reply, set};
use crate::request_ctx::RequestCtx;

/// The request headers that decide whether a reply is public, and its version.
const VARY: &str = "authorization, token, x-api-key, x-api-profile";

/// How long caches may keep a reply (RFC 9111, RFC 5861).
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// Seconds in which it is fresh.
    pub max_age: u32,
    /// Seconds after those in which it may be used while a new one is fetched.
    pub stale_while_revalidate: u32,
}

impl RequestCtx {
    /// JSON that everybody gets, with its `ETag`; 304 without a body where `If-None-Match` names that.
    pub fn public(&self, json: String, freshness: Freshness) -> Reply {
        let etag: String = format!("\"{}\"", sha256_hex(json.as_bytes()).get(..32).unwrap_or_default());
        let is_known = matches(self.header(header::IF_NONE_MATCH.as_str()), &etag);
        let mut response = Response::new(if is_known { Body::empty() } else { Body::from(json) });
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            set(&mut response, header::CONTENT_TYPE, "application/json; charset=utf-8");
        }
        let Freshness { max_age, stale_while_revalidate } = freshness;
        let control = format!("public, max-age={max_age}, stale-while-revalidate={stale_while_revalidate}");
        set(&mut response, header::CACHE_CONTROL, &control);
        set(&mut response, header::ETAG, &etag);
        set(&mut response, header::VARY, VARY);
        Reply::Raw(Box::new(response))
    }

    /// JSON for an authenticated caller, which no shared cache may keep.
    pub fn private(&self, json: String) -> Reply {
        let mut response = Response::new(Body::from(json));
        set(&mut response, header::CONTENT_TYPE, "application/json; charset=utf-8");
        set(&mut response, header::CACHE_CONTROL, "private, no-store");
        set(&mut response, header::VARY, VARY);
        Reply::Raw(Box::new(response))
    }
}

/// Weak comparison of RFC 9110 §13.1.2.
fn matches(if_none_match: &str, etag: &str) -> bool {
    let same = |item: &str| item == "*" || item.strip_prefix("W/").unwrap_or(item) == etag;
    if_none_match.split(',').any(|item| same(item.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_is_a_list_of_weak_or_strong_tags() {
        for header in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", " \"b\" ,W/\"a\" "] {
            assert!(matches(header, "\"a\""), "{header}");
        }
        for header in ["", "a", "\"b\"", "\"a", "w/\"a\""] {
            assert!(!matches(header, "\"a\""), "{header}");
        }
    }
}

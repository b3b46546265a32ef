//! The outward forms. Each dialect renders the same replies and errors in the envelope that the clients of its API
//! expect. The mapping of error kinds to status codes is here and nowhere else.

use axum::body::Body;
use axum::response::Response;
use domain::{Error, Kind, Lang};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use store::{ApiVersion, Page, points_api};

use crate::reply::{Reply, set};

/// The envelope of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The drawing API: bare objects, `{"error": {…}}`.
    Plain,
    /// The points task API: `{"code", "message", "data"}`, where `code` is the status; it speaks Chinese.
    Coded,
    /// The runners' queue: Cloudflare's `{"success", "errors", "messages", "result"}`.
    Cloudflare,
}

/// The choices of a request that its reply depends on.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Version of the drawing API.
    pub version: ApiVersion,
    /// Language of texts.
    pub lang: Lang,
    /// Rendering of frames.
    pub rendering: &'static str,
}

impl Dialect {
    /// The style of this API, whatever the request asks for.
    pub(crate) fn style(self, asked: Style) -> Style {
        match self {
            Dialect::Coded => {
                Style { version: ApiVersion::V1, lang: points_api::LANG, rendering: points_api::RENDERING }
            }
            Dialect::Plain | Dialect::Cloudflare => asked,
        }
    }

    /// Writes the response.
    pub fn render(self, outcome: Result<Reply, Error>, style: Style) -> Response {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(error) => return self.error(&error, style),
        };
        match reply {
            Reply::Raw(response) => *response,
            Reply::Done if self == Dialect::Plain => respond(StatusCode::NO_CONTENT, None),
            Reply::Done => respond(StatusCode::OK, Some(self.wrap("null".into()))),
            Reply::Item(item) => respond(StatusCode::OK, Some(self.wrap(item))),
            Reply::Page(page) => respond(StatusCode::OK, Some(self.wrap(self.page(&page, style.version)))),
            Reply::Created { item, .. } if self == Dialect::Coded => respond(StatusCode::OK, Some(self.wrap(item))),
            Reply::Created { item, location } => {
                let mut response = respond(StatusCode::CREATED, Some(self.wrap(item)));
                if !location.is_empty() {
                    set(&mut response, header::LOCATION, &location);
                }
                response
            }
        }
    }

    /// The JSON of a page, outside of any envelope.
    pub fn page(self, page: &Page, version: ApiVersion) -> String {
        let Page { page: number, page_size, total, total_capped, next, next_cursor, list } = page;
        let cursor = json!(next_cursor);
        // Only said where it is so: the seeds know no such key.
        let capped = match (total_capped, version) {
            (false, _) => "",
            (true, ApiVersion::V1) => r#""total_capped":true,"#,
            (true, ApiVersion::V0) => r#""totalCapped":true,"#,
        };
        match (self, version) {
            (Dialect::Coded, _) => {
                let pages = (total + page_size - 1) / page_size.max(&1);
                format!(r#"{{"records":{list},"total":{total},"size":{page_size},"current":{number},"pages":{pages}}}"#)
            }
            (_, ApiVersion::V1) => format!(
                r#"{{"page":{number},"page_size":{page_size},"total":{total},{capped}"next":{next},"next_cursor":{cursor},"list":{list}}}"#
            ),
            (_, ApiVersion::V0) => format!(
                r#"{{"page":{number},"pageSize":{page_size},{capped}"next":{next},"nextCursor":{cursor},"list":{list}}}"#
            ),
        }
    }

    fn wrap(self, item: String) -> String {
        match self {
            Dialect::Plain => item,
            Dialect::Coded => format!(r#"{{"code":200,"message":"success","data":{item}}}"#),
            Dialect::Cloudflare => format!(r#"{{"success":true,"errors":[],"messages":[],"result":{item}}}"#),
        }
    }

    fn error(self, error: &Error, style: Style) -> Response {
        if matches!(error.kind(), Kind::Internal | Kind::Unavailable) {
            log::error!("A request failed: {error}");
        }
        let status = status(error.kind());
        let text = error.text(style.lang);
        let body = match self {
            Dialect::Plain => json!({"error": {"code": error.code(), "message": text, "param": error.field}}),
            Dialect::Coded => json!({
                "code": status.as_u16(), "message": text, "data": null,
                "error": {"code": error.code(), "param": error.field},
            }),
            Dialect::Cloudflare => json!({
                "success": false, "messages": [], "result": null,
                "errors": [{"code": 10_000 + u32::from(status.as_u16()), "message": format!("{}: {text}", error.code())}],
            }),
        };
        let mut response = respond(status, Some(body.to_string()));
        set(&mut response, header::CONTENT_LANGUAGE, style.lang.tag());
        if let Some(seconds) = error.retry_after {
            set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        }
        if status == StatusCode::UNAUTHORIZED {
            set(&mut response, header::WWW_AUTHENTICATE, "Bearer");
        }
        response
    }
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::PaymentRequired => StatusCode::PAYMENT_REQUIRED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::OutOfRange => StatusCode::RANGE_NOT_SATISFIABLE,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn respond(status: StatusCode, json: Option<String>) -> Response {
    let has_body = json.is_some();
    let mut response = Response::new(json.map_or_else(Body::empty, Body::from));
    *response.status_mut() = status;
    if has_body {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

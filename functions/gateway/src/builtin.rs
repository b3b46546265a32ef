//! The gateway's own replies: the page, health, the OpenAPI document, and errors for paths that no function owns.

use domain::{Lang, Message, messages};

const OPENAPI: &str = include_str!("../openapi.json");
const PAGE: &str = include_str!("../page.html");

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// A complete reply.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Reply {
    fn found(content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status: 200, content_type, body: body.into() }
    }

    /// The error envelope. Codes and texts are of our catalogue and have no characters that JSON escapes (tested).
    fn error(status: u16, message: &Message, lang: Lang) -> Self {
        let (code, text) = (message.code, message.text.of(lang));
        let body = format!(r#"{{"error":{{"code":"{code}","message":"{text}","param":null}}}}"#);
        Self { status, content_type: JSON, body }
    }

    /// The reply when a function was called and failed to reply.
    pub fn unavailable(lang: Lang) -> Self {
        Self::error(503, &messages::UNAVAILABLE, lang)
    }
}

/// The reply at a `path` that no function owns.
pub fn reply(method: &str, path: &str, lang: Lang) -> Reply {
    let found = match path {
        "/" => Reply::found(HTML, PAGE),
        "/healthz" => Reply::found(JSON, r#"{"status":"ok"}"#),
        "/api/openapi.json" => Reply::found(JSON, OPENAPI),
        _ => return Reply::error(404, &messages::ROUTE_NOT_FOUND, lang),
    };
    match method {
        "GET" | "HEAD" => found,
        _ => Reply::error(405, &messages::METHOD_NOT_ALLOWED, lang),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_paths_get_the_envelope_in_the_callers_language() {
        let reply = reply("GET", "/nowhere", Lang::Hant);
        assert_eq!(reply.status, 404);
        let text = messages::ROUTE_NOT_FOUND.text.hant;
        assert_eq!(reply.body, format!(r#"{{"error":{{"code":"route_not_found","message":"{text}","param":null}}}}"#));
    }

    #[test]
    fn no_text_breaks_the_envelope() {
        for message in [&messages::ROUTE_NOT_FOUND, &messages::METHOD_NOT_ALLOWED, &messages::UNAVAILABLE] {
            for lang in [Lang::En, Lang::Hant, Lang::Hans] {
                let text = message.text.of(lang);
                assert!(!text.contains(['"', '\\']) && !text.contains(char::is_control), "{text}");
            }
        }
    }

    #[test]
    fn builtin_paths_are_read_only() {
        for path in ["/", "/healthz", "/api/openapi.json"] {
            assert_eq!(reply("GET", path, Lang::En).status, 200, "{path}");
            assert_eq!(reply("HEAD", path, Lang::En).status, 200, "{path}");
            assert_eq!(reply("POST", path, Lang::En).status, 405, "{path}");
        }
    }
}

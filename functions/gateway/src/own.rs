//! The replies the gateway gives itself: the page, health, the OpenAPI document, and the error envelope for paths that
//! nobody owns.

use domain::{Lang, Message, messages};

const OPENAPI: &str = include_str!("../openapi.json");
const PAGE: &str = include_str!("../page.html");

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// A complete reply: status, content type, body.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

impl Reply {
    fn found(kind: &'static str, body: impl Into<String>) -> Self {
        Self { status: 200, kind, body: body.into() }
    }

    /// The one error envelope. Codes and texts are of our own catalogue and hold nothing that JSON escapes (tested).
    fn error(status: u16, message: &Message, lang: Lang) -> Self {
        let (code, text) = (message.code, message.text(lang));
        let body = format!(r#"{{"error":{{"code":"{code}","message":"{text}","param":null}}}}"#);
        Self { status, kind: JSON, body }
    }

    /// A function was called and gave no reply at all.
    pub fn unavailable(lang: Lang) -> Self {
        Self::error(503, &messages::UNAVAILABLE, lang)
    }
}

/// What the gateway itself says to `path`, which no function owns.
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
        let text = messages::ROUTE_NOT_FOUND.hant;
        assert_eq!(reply.body, format!(r#"{{"error":{{"code":"route_not_found","message":"{text}","param":null}}}}"#));
    }

    #[test]
    fn no_text_breaks_the_envelope() {
        for message in [&messages::ROUTE_NOT_FOUND, &messages::METHOD_NOT_ALLOWED, &messages::UNAVAILABLE] {
            for lang in [Lang::En, Lang::Hant, Lang::Hans] {
                assert!(!message.text(lang).contains(['"', '\\']) && !message.text(lang).contains(char::is_control));
            }
        }
    }

    #[test]
    fn own_paths_are_read_only() {
        for path in ["/", "/healthz", "/api/openapi.json"] {
            assert_eq!(reply("GET", path, Lang::En).status, 200, "{path}");
            assert_eq!(reply("HEAD", path, Lang::En).status, 200, "{path}");
            assert_eq!(reply("POST", path, Lang::En).status, 405, "{path}");
        }
    }
}

//! The replies the gateway gives itself: health, the OpenAPI document, and the error envelope for paths nobody owns.

const OPENAPI: &str = include_str!("../openapi.json");

/// A complete reply: status, content type, body.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

impl Reply {
    fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: "application/json; charset=utf-8", body: body.into() }
    }

    /// The one error envelope. `code` is ours and `message` a constant, so no escaping is needed.
    fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, format!(r#"{{"error":{{"code":"{code}","message":"{message}","param":null}}}}"#))
    }

    /// A function was reached and gave no reply at all.
    pub fn unavailable(language: Option<&str>) -> Self {
        Self::error(503, "unavailable", say(language, "Try again shortly.", "請稍後再試。", "请稍后再试。"))
    }
}

/// What the gateway itself says to `path`, which no function owns.
pub fn reply(method: &str, path: &str, language: Option<&str>) -> Reply {
    let found = match path {
        "/healthz" => Reply::json(200, r#"{"status":"ok"}"#),
        "/api/openapi.json" => Reply::json(200, OPENAPI),
        _ => return Reply::error(404, "not_found", say(language, "Not found.", "找不到。", "找不到。")),
    };
    match method {
        "GET" | "HEAD" => found,
        _ => Reply::error(405, "method_not_allowed", say(language, "Only GET.", "只接受 GET。", "只接受 GET。")),
    }
}

/// The text for the first language of `Accept-Language`; Chinese without a script is Traditional in Taiwan, Hong Kong and Macau.
fn say(accept: Option<&str>, en: &'static str, hant: &'static str, hans: &'static str) -> &'static str {
    let first = accept.and_then(|list| list.split([',', ';']).next()).unwrap_or("").trim().to_ascii_lowercase();
    match first.split('-').collect::<Vec<_>>().as_slice() {
        ["zh", rest @ ..] if rest.iter().any(|part| matches!(*part, "hant" | "tw" | "hk" | "mo")) => hant,
        ["zh", ..] => hans,
        _ => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_paths_get_the_envelope_in_the_callers_language() {
        let en = reply("GET", "/nowhere", None);
        assert_eq!(en.status, 404);
        assert_eq!(en.body, r#"{"error":{"code":"not_found","message":"Not found.","param":null}}"#);
        assert!(reply("POST", "/nowhere", Some("zh-TW,zh;q=0.9")).body.contains("找不到"));
        assert_eq!(say(Some("zh-Hant-CN"), "e", "t", "s"), "t");
        assert_eq!(say(Some("zh-CN"), "e", "t", "s"), "s");
        assert_eq!(say(Some("de, zh"), "e", "t", "s"), "e");
    }

    #[test]
    fn own_paths_are_read_only() {
        assert_eq!(reply("GET", "/healthz", None).status, 200);
        assert_eq!(reply("HEAD", "/api/openapi.json", None).status, 200);
        assert_eq!(reply("POST", "/healthz", None).status, 405);
    }
}

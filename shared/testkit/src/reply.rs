//! A response, read.

use domain::room::Join;
use serde_json::Value as Json;

/// A response, read.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub bytes: bytes::Bytes,
    /// The request to the hub, when the caller asked to watch something.
    pub join: Option<Join>,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or(Json::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// `code` or `code:param` of the error envelope.
    pub fn error(&self) -> String {
        let json = self.json();
        let code = json["error"]["code"].as_str().unwrap_or("no error").to_string();
        match json["error"]["param"].as_str() {
            Some(param) => format!("{code}:{param}"),
            None => code,
        }
    }

    /// `400 code:param`, for tables of refusals.
    pub fn refusal(&self) -> String {
        format!("{} {}", self.status, self.error())
    }

    /// The values of one key over a page's rows, as text.
    pub fn column(&self, key: &str) -> Vec<String> {
        let text = |row: &Json| row[key].as_str().map_or_else(|| row[key].to_string(), str::to_string);
        self.json()["list"].as_array().map(|rows| rows.iter().map(text).collect()).unwrap_or_default()
    }
}

//! The fetch port: HTTP calls to addresses outside. `domain::url_policy` decides which addresses may be called. Callers
//! ask it before each hop, because engines never follow a redirect by themselves.

use async_trait::async_trait;
use bytes::Bytes;

use crate::Source;

/// One request to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// In capitals.
    pub method: &'static str,
    /// Absolute, http or https.
    pub url: String,
    /// Names in lower case; values without line breaks.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for none.
    pub body: Bytes,
    /// Milliseconds for the whole exchange.
    pub timeout_ms: u32,
    /// The most bytes of the response's body that are read.
    pub max_bytes: usize,
}

/// The response, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchResponse {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most `max_bytes`.
    pub body: Bytes,
    /// True when the body was read to its end.
    pub complete: bool,
}

impl FetchResponse {
    /// The value of a header, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// Why there is no response.
#[derive(Clone, Debug)]
pub enum FetchError {
    /// None came in time.
    TimedOut,
    /// Unknown name, refused or broken connection.
    Failed(Source),
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FetchError::TimedOut => f.write_str("no response in time"),
            FetchError::Failed(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FetchError::TimedOut => None,
            FetchError::Failed(source) => Some(source),
        }
    }
}

/// Calls to the outside.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Sends one request; redirects are returned, not followed.
    async fn send(&self, request: FetchRequest) -> Result<FetchResponse, FetchError>;
}

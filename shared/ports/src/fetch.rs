//! The fetch port: calls to addresses outside. Which addresses may be called is not decided here: that is
//! `domain::outbound`, and whoever calls asks it before each hop, as engines never follow a redirect by themselves.

use async_trait::async_trait;
use bytes::Bytes;

/// One request to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub method: &'static str,
    pub url: String,
    /// Names in lower case; no value holds a line's end.
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// For all of it, in milliseconds.
    pub timeout_ms: u32,
    /// So much of the answer's body is read, and no more.
    pub max_bytes: usize,
}

/// The answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most `max_bytes`.
    pub body: Bytes,
    /// False when there was more.
    pub whole: bool,
}

impl Answer {
    /// A header's value; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    TimedOut,
    /// No answer: unknown name, refused connection, broken off.
    Failed(String),
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FetchError::TimedOut => f.write_str("no answer in time"),
            FetchError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for FetchError {}

#[async_trait]
pub trait Fetch: Send + Sync {
    async fn send(&self, request: Outgoing) -> Result<Answer, FetchError>;
}

//! One HTTP call out: a client, an answer of bounded size, and what its failure means to the caller. Must not know
//! which endpoint it talks to.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::outbound::{self, chain};

/// No answer of the protocol comes near this.
pub const MAX_ANSWER: usize = 1 << 20;
/// So much of an error's text goes to the log.
const MAX_TEXT: usize = 300;
const STALE: &str = "stale_lease";

/// Why a call did not do what it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer, or one that may be another next time: whether the call had its effect is not known.
    Passing(String),
    /// 401: whoever calls is not known there (any more).
    Unknown(String),
    /// 409 `stale_lease`: what the call is about is not in the caller's hands (any more).
    Stale,
    /// Another 4xx: the same call will be refused again.
    Refused(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// Of the error envelope, where there is one.
    pub code: String,
    /// For the log.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Passing(text) => f.write_str(text),
            Fault::Unknown(text) => write!(f, "401: {text}"),
            Fault::Stale => f.write_str(STALE),
            Fault::Refused(refusal) => refusal.fmt(f),
        }
    }
}

/// A client for calls to `base`. Redirects are not followed.
pub fn client(base: &Url, timeout: Duration) -> Result<Client> {
    outbound::client(base)?.timeout(timeout).build().context("no HTTP client")
}

/// Sends, and reads the answer's body, which is one of the protocol.
pub async fn call(request: RequestBuilder) -> Result<Bytes, Fault> {
    call_for(request, MAX_ANSWER).await
}

/// The same for an answer of at most so many bytes.
pub async fn call_for(request: RequestBuilder, most: usize) -> Result<Bytes, Fault> {
    let passing = |e: reqwest::Error| Fault::Passing(chain(&e.without_url()));
    let mut answer = request.send().await.map_err(passing)?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(passing)? {
        if body.len() + part.len() > most {
            return Err(Fault::Passing(format!("{status}: an answer longer than {most} bytes")));
        }
        body.extend_from_slice(&part);
    }
    if status.is_success() {
        return Ok(body.into());
    }
    let code = code(&body).unwrap_or_default();
    let text: String = String::from_utf8_lossy(&body).chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    Err(match status {
        StatusCode::UNAUTHORIZED => Fault::Unknown(text),
        StatusCode::CONFLICT if code == STALE => Fault::Stale,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Fault::Passing(format!("{status}: {text}")),
        _ if status.is_client_error() => Fault::Refused(Refusal { status: status.as_u16(), code, text }),
        _ => Fault::Passing(format!("{status}: {text}")),
    })
}

/// The code of the edge's one error envelope.
fn code(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.pointer("/error/code")?.as_str()?.to_owned())
}

/// Reads a JSON answer.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|e| Fault::Passing(format!("an answer that can't be read: {e}")))
}

/// `base` with `path` behind it, whether or not the base ends in a slash.
pub fn join(base: &Url, path: &str) -> String {
    format!("{}/{}", base.as_str().trim_end_matches('/'), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_base() {
        for base in ["http://a/b", "http://a/b/"] {
            assert_eq!(join(&Url::parse(base).unwrap(), "c/d"), "http://a/b/c/d");
        }
        assert_eq!(join(&Url::parse("http://a:1").unwrap(), "c"), "http://a:1/c");
    }

    #[test]
    fn codes_are_read_from_the_envelope_only() {
        assert_eq!(code(br#"{"error":{"code":"stale_lease","message":"m"}}"#).as_deref(), Some(STALE));
        for other in [&b"{}"[..], b"stale_lease", br#"{"error":"stale_lease"}"#, br#"{"error":{"code":7}}"#] {
            assert_eq!(code(other), None);
        }
    }

    #[test]
    fn clients_can_be_made() {
        for base in ["https://edge.example", "http://127.0.0.1:1"] {
            client(&Url::parse(base).unwrap(), Duration::from_secs(1)).unwrap();
        }
    }
}

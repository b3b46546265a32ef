//! Calls to Hugging Face, or to who answers as it does: where they lead, and what their failures mean.
//!
//! Nothing that is waited for comes without an end: a server that sends no byte for a while is one that does not
//! answer.

use reqwest::header::{CONTENT_RANGE, HeaderMap, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url};

use super::Hub;
use crate::outbound::{self, chain};
use crate::{Code, DrawError};

/// From a name that was changed to the new one, to the store, to one of its machines.
const HOPS: usize = 8;

pub struct Server {
    client: Client,
    base: Url,
    token: Option<String>,
}

/// An answer that says yes, and what was said on the way to it.
pub struct Answer {
    pub response: Response,
    pub commit: Option<String>,
    /// The name of the content.
    pub etag: Option<String>,
}

impl Server {
    pub fn open(hub: &Hub) -> Result<Self, DrawError> {
        let failed = |why: String| DrawError::new(Code::HubFailed, why);
        let base = Url::parse(&hub.endpoint).map_err(|e| failed(format!("{}: {e}", hub.endpoint)))?;
        let client = outbound::client(&base).map_err(|e| failed(e.to_string()))?;
        let client = client.connect_timeout(hub.patience).read_timeout(hub.patience).build();
        Ok(Self { client: client.map_err(|e| failed(e.to_string()))?, base, token: hub.token.clone() })
    }

    /// What is at a path of the server's, or of it the bytes from a number on.
    pub async fn get(&self, path: &str, range: Option<&str>) -> Result<Answer, DrawError> {
        let failed = |why: &str| DrawError::new(Code::HubFailed, why);
        let whole = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        let mut url = Url::parse(&whole).map_err(|e| failed(&e.to_string()))?;
        let mut named: Option<(String, Option<String>)> = None;
        for _ in 0..=HOPS {
            let mut request = self.client.get(url.clone());
            if let Some(range) = range {
                request = request.header(RANGE, range);
            }
            // The token is nobody else's business.
            if let Some(token) = self.token.as_ref().filter(|_| url.origin() == self.base.origin()) {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.map_err(|e| broken(&e))?;
            let headers = response.headers();
            if let (None, Some(commit)) = (&named, header(headers, "x-repo-commit")) {
                named = Some((commit, header(headers, "x-linked-etag").or_else(|| header(headers, "etag"))));
            }
            if !response.status().is_redirection() {
                refused(response.status())?;
                let (commit, etag) = named.unzip();
                return Ok(Answer { response, commit, etag: etag.flatten() });
            }
            let next = header(headers, LOCATION.as_str()).and_then(|next| url.join(&next).ok());
            let allowed = |next: &Url| next.scheme() == "https" || next.scheme() == self.base.scheme();
            url = next.filter(allowed).ok_or_else(|| failed("a redirect to nowhere"))?;
        }
        Err(failed("redirects without an end"))
    }
}

/// As text, without the quotes and the mark of a weak one that an etag may have.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.strip_prefix("W/").unwrap_or(value).replace('"', ""))
}

/// `bytes 5-9/10` → the first byte that is sent, and how many there are.
pub fn content_range(response: &Response) -> Option<(u64, u64)> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (span, total) = value.split_once('/')?;
    Some((span.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()?))
}

pub fn broken(error: &reqwest::Error) -> DrawError {
    let why = if error.is_timeout() { "the server has stopped sending".into() } else { chain(error) };
    DrawError::new(Code::HubUnreachable, why)
}

fn refused(status: StatusCode) -> Result<(), DrawError> {
    let (code, why) = match status.as_u16() {
        200..=299 => return Ok(()),
        401 | 403 => (
            Code::HubDenied,
            "it is not public, or its terms were not accepted: set HF_TOKEN to a token that may read it".into(),
        ),
        404 => (Code::ModelNotFound, "no such repository, revision or file".into()),
        408 | 429 | 500.. => (Code::HubUnreachable, format!("the server answers {status}")),
        _ => (Code::HubFailed, format!("the server answers {status}")),
    };
    Err(DrawError::new(code, why))
}

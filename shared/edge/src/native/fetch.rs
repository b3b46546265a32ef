//! The outside as tests want it: scripted responses by address, and a record of the requests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Fetch, FetchError, FetchRequest, FetchResponse, Source};

#[derive(Default)]
struct State {
    responses: HashMap<String, Result<FetchResponse, FetchError>>,
    requests: Vec<FetchRequest>,
}

/// Scripted responses. An address without one refuses the connection.
#[derive(Default)]
pub struct MockFetch(Mutex<State>);

impl MockFetch {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the response of an address.
    pub fn respond(&self, url: &str, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let response = FetchResponse { status, headers, body: body.into(), complete: true };
        self.with(|s| s.responses.insert(url.to_string(), Ok(response)));
    }

    /// Sets the failure of an address.
    pub fn fail(&self, url: &str, error: FetchError) {
        self.with(|s| s.responses.insert(url.to_string(), Err(error)));
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<FetchRequest> {
        self.with(|s| std::mem::take(&mut s.requests))
    }
}

#[async_trait]
impl Fetch for MockFetch {
    async fn send(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.with(|s| {
            let refused = || Err(FetchError::Failed(Source::new("connection refused")));
            let response = s.responses.get(&request.url).cloned().unwrap_or_else(refused);
            let limit = request.max_bytes;
            s.requests.push(request);
            let response = response?;
            let length = response.body.len();
            Ok(FetchResponse { complete: length <= limit, body: response.body.slice(..length.min(limit)), ..response })
        })
    }
}

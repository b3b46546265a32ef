//! The world outside, as tests want it: answers by address, and a record of what was sent.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Answer, Fetch, FetchError, Outgoing};

#[derive(Default)]
struct State {
    answers: HashMap<String, Result<Answer, FetchError>>,
    sent: Vec<Outgoing>,
}

/// Where nothing was said about an address, nobody answers.
#[derive(Default)]
pub struct Outside(Mutex<State>);

impl Outside {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this address answers so.
    pub fn answers(&self, url: &str, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let answer = Answer { status, headers, body: body.into(), whole: true };
        self.with(|s| s.answers.insert(url.to_string(), Ok(answer)));
    }

    /// From now on this address fails so.
    pub fn fails(&self, url: &str, error: FetchError) {
        self.with(|s| s.answers.insert(url.to_string(), Err(error)));
    }

    /// What was sent since the last time this was asked.
    pub fn sent(&self) -> Vec<Outgoing> {
        self.with(|s| std::mem::take(&mut s.sent))
    }
}

#[async_trait]
impl Fetch for Outside {
    async fn send(&self, request: Outgoing) -> Result<Answer, FetchError> {
        self.with(|s| {
            let nobody = || Err(FetchError::Failed("nobody answers".into()));
            let answer = s.answers.get(&request.url).cloned().unwrap_or_else(nobody);
            let limit = request.max_bytes;
            s.sent.push(request);
            let answer = answer?;
            let length = answer.body.len();
            Ok(Answer { whole: length <= limit, body: answer.body.slice(..length.min(limit)), ..answer })
        })
    }
}

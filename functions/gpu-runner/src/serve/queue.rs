//! The queue of tasks, by Cloudflare's HTTP pull protocol. Messages are hints only: what they name may be done already.

use std::time::Duration;

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Id;
use protocol::runner::Hint;
use reqwest::{Client, header};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::config::Config;
use super::http::{self, Fault};
use super::task_type::TaskType;

/// For so long nobody else sees a pulled message: the time to claim and acknowledge.
const VISIBILITY_MS: u32 = 30_000;
/// An acknowledgement is a courtesy: what is not acknowledged comes again and is then not to be had.
const ACK: Duration = Duration::from_secs(5);

pub struct Queue {
    client: Client,
    messages: String,
    token: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub lease_id: String,
    /// None when the body names no task.
    pub task: Option<Id>,
}

impl Queue {
    /// The queue of a type of tasks.
    pub fn new(config: &Config, of: TaskType) -> Result<Self> {
        Ok(Self {
            client: http::client(&config.queue, config.pace.call)?,
            messages: http::join(&config.queue, &format!("queues/{}/messages", of.as_str())),
            token: config.queue_token.clone(),
        })
    }

    /// The next message, if there is one.
    pub async fn pull(&self) -> Result<Option<Message>, Fault> {
        let body = self.post("pull", json!({"batch_size": 1, "visibility_timeout_ms": VISIBILITY_MS})).await?;
        let pulled: Reply = http::json(&body)?;
        let wire = pulled.result.and_then(|pulled| pulled.messages.into_iter().next());
        Ok(wire.map(|wire| Message { task: task(&wire.body), lease_id: wire.lease_id }))
    }

    /// Says that a message need not come again.
    pub async fn ack(&self, message: &Message) -> Result<(), Fault> {
        let ack = self.post("ack", json!({"acks": [{"lease_id": message.lease_id}], "retries": []}));
        timeout(ACK, ack).await.unwrap_or_else(|_| Err(Fault::Passing("no answer in time".into()))).map(drop)
    }

    async fn post(&self, operation: &str, body: serde_json::Value) -> Result<bytes::Bytes, Fault> {
        let request = self
            .client
            .post(format!("{}/{operation}", self.messages))
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        http::call(request).await
    }
}

#[derive(Deserialize)]
struct Reply {
    result: Option<Pulled>,
}

#[derive(Deserialize)]
struct Pulled {
    messages: Vec<Wire>,
}

#[derive(Deserialize)]
struct Wire {
    body: String,
    lease_id: String,
}

/// The platform's queue sends text as it is and JSON in base64; no JSON object is valid base64.
fn task(body: &str) -> Option<Id> {
    let read = |bytes: &[u8]| serde_json::from_slice::<Hint>(bytes).ok();
    let hint = read(body.as_bytes()).or_else(|| read(&STANDARD.decode(body).ok()?))?;
    (1..=domain::MAX_ID).contains(&hint.task_id).then_some(hint.task_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_name_tasks_or_nothing() {
        assert_eq!(task(r#"{"task_id":7}"#), Some(7));
        assert_eq!(task(&STANDARD.encode(r#"{"task_id":7,"more":1}"#)), Some(7));
        for bad in ["", "7", "{}", r#"{"task_id":0}"#, r#"{"task_id":"7"}"#, r#"{"task_id":9007199254740992}"#, "e30="]
        {
            assert_eq!(task(bad), None, "{bad}");
        }
    }
}

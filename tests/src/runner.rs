//! A runner without a model: it says what a test wants said, in order or not, signed rightly or not.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::runner::{
    Claim, LEASE_HEADER, LeaseRef, Output, RUNNER_HEADER, Registered, callback_id, output_prefix, parse_runner_id,
};
use protocol::webhook::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Answer, Edge, unique};
use crate::env::setting;

/// Who signs, and with what.
#[derive(Clone)]
pub struct Signed {
    pub runner_id: String,
    pub secret: Secret,
    /// Added to the clock, in seconds.
    pub skew: i64,
}

pub struct Runner {
    pub edge: Edge,
    pub id: i64,
    pub name: String,
    /// Bearer of heartbeats.
    pub token: String,
    pub by: Signed,
}

impl Runner {
    pub async fn register(edge: &Edge) -> Runner {
        Runner::register_as(edge, &unique("runner")).await
    }

    pub async fn register_as(edge: &Edge, name: &str) -> Runner {
        let body = json!({"name": name, "type": "inference", "gpu": "none", "memory": 0, "version": "0", "models": []});
        let call = edge.post("/api/servers/register", &body).bearer(&setting("RUNNER_REGISTRATION_TOKEN"));
        let answer = call.send().await.expect(201);
        let Registered { id, runner_id, token, secret } =
            serde_json::from_slice(&answer.bytes).expect("a registration");
        assert_eq!(parse_runner_id(&runner_id).map(|(id, _)| id), Some(id));
        let secret = Secret::parse(&secret).expect("a secret");
        Runner { edge: edge.clone(), id, name: name.to_owned(), token, by: Signed { runner_id, secret, skew: 0 } }
    }

    pub async fn claim(&self, task: i64) -> Claim {
        let answer = self.try_claim(task).await.expect(200);
        serde_json::from_slice(&answer.bytes).expect("a claim")
    }

    pub async fn try_claim(&self, task: i64) -> Answer {
        let body = json!({"task_id": task}).to_string();
        self.by.post(&self.edge, "/callbacks/claim", &format!("claim_{task}_{}", unique("c")), body.into_bytes()).await
    }

    /// A callback about a held task; `more` is what it says beyond that.
    pub async fn say(&self, what: &str, held: &LeaseRef, more: &Value) -> Answer {
        self.by.post(&self.edge, &format!("/callbacks/{what}"), &callback_id(held), body(held, more)).await
    }

    /// Step `step` of `steps`; whether to cancel.
    pub async fn progress(&self, held: &LeaseRef, step: u32, steps: u32) -> bool {
        let answer = self.say("progress", held, &json!({"step": step, "steps": steps, "eta_seconds": 1.0})).await;
        answer.expect(200).json()["cancel"].as_bool().expect("a flag")
    }

    /// Stores a picture under the lease.
    pub async fn put(&self, claim: &Claim, name: u8, file: &[u8]) -> Output {
        let key = format!("{}{}.png", output_prefix(claim.task_id, claim.attempt), domain::id::hex(&[name; 16]));
        let answer = self.by.put(&self.edge, &key, &claim.lease, file.to_vec()).await.expect(200).json();
        let sha256 = domain::id::hex(&Sha256::digest(file));
        assert_eq!((&answer["key"], &answer["sha256"]), (&json!(key), &json!(sha256)));
        let params = claim.draw_params().expect("an inference task");
        let (width, height, seed) = (params.width, params.height, params.seed + u32::from(name));
        Output { key, size: file.len() as u64, sha256, width, height, seed, nsfw: None, embedding: None }
    }
}

/// What a callback about a held task says.
pub fn body(held: &LeaseRef, more: &Value) -> Vec<u8> {
    let mut body = json!(held_json(held));
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body.to_string().into_bytes()
}

fn held_json(held: &LeaseRef) -> Value {
    json!({"task_id": held.task_id, "attempt": held.attempt, "lease": held.lease, "seq": held.seq})
}

/// The callback number `seq` of a claimed task.
pub fn held(claim: &Claim, seq: i64) -> LeaseRef {
    LeaseRef { task_id: claim.task_id, attempt: claim.attempt, lease: claim.lease.clone(), seq }
}

impl Signed {
    /// Any body under any webhook id.
    pub async fn post(&self, edge: &Edge, path: &str, id: &str, body: Vec<u8>) -> Answer {
        self.send(edge, "POST", path, id, "application/json", "", body).await
    }

    pub async fn put(&self, edge: &Edge, key: &str, lease: &str, file: Vec<u8>) -> Answer {
        self.send(edge, "PUT", &format!("/callbacks/{key}"), &format!("put_{key}"), "image/png", lease, file).await
    }

    /// A picture to start from, `path` as `protocol::runner::input_path` says.
    pub async fn get(&self, edge: &Edge, path: &str, lease: &str) -> Answer {
        let empty = Vec::new();
        self.send(edge, "GET", &format!("/callbacks/{path}"), &format!("get_{path}"), "", lease, empty).await
    }

    #[expect(clippy::too_many_arguments, reason = "each is one header of the call")]
    async fn send(
        &self,
        edge: &Edge,
        method: &str,
        path: &str,
        id: &str,
        kind: &str,
        lease: &str,
        body: Vec<u8>,
    ) -> Answer {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64 + self.skew;
        edge.call(method, path)
            .header(RUNNER_HEADER, &self.runner_id)
            .header("webhook-id", id)
            .header("webhook-timestamp", &now.to_string())
            .header("webhook-signature", &self.secret.sign(id, now, &body))
            .header(LEASE_HEADER, lease)
            .body(kind, body)
            .send()
            .await
    }
}

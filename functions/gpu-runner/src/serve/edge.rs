//! The edge as a runner sees it: registers there, and signs every callback with the secret that came of it. Must not
//! know what a callback means.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use bytes::Bytes;
use domain::Id;
use domain::id::hex;
use protocol::runner::{
    Claim, ClaimRequest, Heartbeat, LEASE_HEADER, LoadedModel, RUNNER_HEADER, Register, Registered, UploadedPart,
    parse_runner_id, part_path,
};
use protocol::webhook::Secret;
use reqwest::{Client, Method, RequestBuilder, Url, header};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::backoff::Streak;
use super::config::{Config, Pace};
use super::http::{self, Fault, Refusal};

pub struct Edge {
    client: Client,
    base: Url,
    registration_token: String,
    register: Register,
    pace: Pace,
    /// None until registered, and from the moment on when the edge no longer knows it. Whoever finds none registers,
    /// the others wait for the lock.
    session: Mutex<Option<Arc<Session>>>,
}

/// What a registration gave.
struct Session {
    server: Id,
    runner_id: String,
    token: String,
    secret: Secret,
}

const JSON: &str = "application/json";

impl Edge {
    /// `register` is how this runner presents itself.
    pub fn new(config: &Config, register: Register) -> Result<Self> {
        Ok(Self {
            client: http::client(&config.edge, config.pace.call)?,
            base: config.edge.clone(),
            registration_token: config.registration_token.clone(),
            register,
            pace: config.pace,
            session: Mutex::new(None),
        })
    }

    /// Registers for the first time, waiting until the edge is up. An edge that is up and refuses is an error: somebody
    /// has to change something.
    pub async fn connect(&self) -> Result<()> {
        let mut streak = Streak::new("the edge", &self.pace);
        loop {
            match self.register().await {
                Ok(session) => {
                    *self.session.lock().await = Some(session);
                    return Ok(());
                }
                Err(Fault::Unknown(_) | Fault::Refused(Refusal { status: 403, .. })) => {
                    bail!("the edge refuses the registration token")
                }
                Err(Fault::Refused(Refusal { status: 400 | 422, text, .. })) => {
                    bail!("the edge refuses the registration: {text}")
                }
                Err(fault) => sleep(streak.failed(fault)).await,
            }
        }
    }

    /// Tells the edge that this runner lives and what it does.
    pub async fn heartbeat(&self, status: &str, loaded: Vec<LoadedModel>) -> Result<(), Fault> {
        let session = self.session().await;
        let models = self.register.models.clone();
        let body = Heartbeat { status: status.to_owned(), models, loaded };
        let request = self.post(&format!("api/servers/{}/heartbeat", session.server), &body)?;
        let answer = http::call(request.bearer_auth(&session.token)).await;
        if let Err(Fault::Unknown(_) | Fault::Refused(Refusal { status: 404, .. })) = answer {
            self.forget(&session).await;
        }
        answer.map(drop)
    }

    /// Asks for the task that a hint named; the edge hands out the one whose turn it is. The claim that won is checked:
    /// its parts go into paths and headers.
    pub async fn claim(&self, task: Id) -> Result<Claim, Fault> {
        let id = format!("claim_{task}_{}", token()?);
        let body = self.callback("claim", &id, &ClaimRequest { task_id: task }, self.pace.call).await?;
        let claim: Claim = http::json(&body)?;
        let sound = (1..=domain::MAX_ID).contains(&claim.task_id)
            && claim.attempt >= 1
            && domain::id::is_token(&claim.lease)
            && (1..=MAX_LEASE_MS).contains(&claim.lease_ms);
        if sound { Ok(claim) } else { Err(Fault::Passing("a claim that makes no sense".into())) }
    }

    /// `POST /callbacks/{name}`, signed.
    pub async fn callback(
        &self,
        name: &str,
        id: &str,
        body: &impl Serialize,
        at_most: Duration,
    ) -> Result<Bytes, Fault> {
        let body = encode(body)?;
        let request = self.client.post(http::join(&self.base, &format!("callbacks/{name}")));
        self.signed(request.header(header::CONTENT_TYPE, JSON), id, body, at_most).await
    }

    /// `PUT /callbacks/{key}`: stores a PNG under the lease.
    pub async fn put(&self, key: &str, lease: &str, png: Bytes, at_most: Duration) -> Result<(), Fault> {
        let request = self
            .client
            .request(Method::PUT, http::join(&self.base, &format!("callbacks/{key}")))
            .header(header::CONTENT_TYPE, "image/png")
            .header(LEASE_HEADER, lease);
        self.signed(request, &format!("put_{key}"), png, at_most).await.map(drop)
    }

    /// `PUT /callbacks/part/…`: a part of an upload.
    pub async fn put_part(
        &self,
        (key, number): (&str, u16),
        lease: &str,
        part: Bytes,
        at_most: Duration,
    ) -> Result<UploadedPart, Fault> {
        let request = self
            .client
            .request(Method::PUT, http::join(&self.base, &format!("callbacks/{}", part_path(key, number))))
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(LEASE_HEADER, lease)
            .timeout(at_most);
        http::json(&self.signed(request, &format!("put_{key}/{number}"), part, at_most).await?)
    }

    /// `GET /callbacks/{path}`: what the edge keeps or fetches for the task under this lease, of at most `most` bytes.
    pub async fn get(&self, path: &str, lease: &str, most: usize, at_most: Duration) -> Result<Bytes, Fault> {
        self.get_with(self.getting(path), path, lease, most, at_most).await
    }

    /// The same with `?after={id}`, which is not signed.
    pub async fn get_after(
        &self,
        path: &str,
        after: Option<Id>,
        lease: &str,
        most: usize,
        at_most: Duration,
    ) -> Result<Bytes, Fault> {
        let request = match after {
            Some(after) => self.getting(&format!("{path}?after={after}")),
            None => self.getting(path),
        };
        self.get_with(request, path, lease, most, at_most).await
    }

    /// The same for a part of it.
    pub async fn piece(
        &self,
        path: &str,
        lease: &str,
        range: &Range<u64>,
        most: usize,
        at_most: Duration,
    ) -> Result<Bytes, Fault> {
        // The last byte is one of them.
        let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        self.get_with(self.getting(path).header(header::RANGE, range), path, lease, most, at_most).await
    }

    fn getting(&self, path: &str) -> RequestBuilder {
        self.client.get(http::join(&self.base, &format!("callbacks/{path}")))
    }

    async fn get_with(
        &self,
        request: RequestBuilder,
        path: &str,
        lease: &str,
        most: usize,
        at_most: Duration,
    ) -> Result<Bytes, Fault> {
        let request = request.header(LEASE_HEADER, lease);
        // Large files take longer than the client's calls do.
        let request = request.timeout(at_most);
        self.signed_for(request, &format!("get_{path}"), Bytes::new(), most, at_most).await
    }

    async fn signed(&self, request: RequestBuilder, id: &str, body: Bytes, at_most: Duration) -> Result<Bytes, Fault> {
        self.signed_for(request, id, body, http::MAX_ANSWER, at_most).await
    }

    async fn signed_for(
        &self,
        request: RequestBuilder,
        id: &str,
        body: Bytes,
        most: usize,
        at_most: Duration,
    ) -> Result<Bytes, Fault> {
        let send = async {
            let session = self.session().await;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
            let request = request
                .header(RUNNER_HEADER, &session.runner_id)
                .header("webhook-id", id)
                .header("webhook-timestamp", now)
                .header("webhook-signature", session.secret.sign(id, now, &body))
                .body(body);
            match http::call_for(request, most).await {
                Err(Fault::Unknown(why)) => {
                    self.forget(&session).await;
                    // With another registration the same call may go through.
                    Err(Fault::Passing(format!("401: {why}")))
                }
                answer => answer,
            }
        };
        timeout(at_most, send).await.unwrap_or_else(|_| Err(Fault::Passing("no answer in time".into())))
    }

    /// The current registration; registers again, for as long as it takes, when the last one has ended.
    async fn session(&self) -> Arc<Session> {
        let mut slot = self.session.lock().await;
        if let Some(session) = &*slot {
            return session.clone();
        }
        let mut streak = Streak::new("the edge", &self.pace);
        loop {
            match self.register().await {
                Ok(session) => return slot.insert(session).clone(),
                Err(fault) => sleep(streak.failed(fault)).await,
            }
        }
    }

    /// Ends a registration here that the edge does not know, unless another is in its place already.
    async fn forget(&self, session: &Arc<Session>) {
        let mut slot = self.session.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            warn!(server = session.server, "the edge no longer knows this runner, registering again");
            *slot = None;
        }
    }

    async fn register(&self) -> Result<Arc<Session>, Fault> {
        let request = self.post("api/servers/register", &self.register)?.bearer_auth(&self.registration_token);
        let Registered { id, runner_id, token, secret } = http::json(&http::call(request).await?)?;
        let secret = Secret::parse(&secret).filter(|_| parse_runner_id(&runner_id).is_some_and(|(of, _)| of == id));
        let Some(secret) = secret else {
            return Err(Fault::Passing("a registration that makes no sense".into()));
        };
        info!(server = id, name = self.register.name, "registered");
        Ok(Arc::new(Session { server: id, runner_id, token, secret }))
    }

    fn post(&self, path: &str, body: &impl Serialize) -> Result<RequestBuilder, Fault> {
        let request = self.client.post(http::join(&self.base, path)).header(header::CONTENT_TYPE, JSON);
        Ok(request.body(encode(body)?))
    }
}

/// A day: what an edge sets beyond it would keep a lost task from everybody.
const MAX_LEASE_MS: i64 = 86_400_000;

/// 128 random bits in hex.
pub fn token() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Fault::Passing(format!("no randomness: {e}")))?;
    Ok(hex(&bytes))
}

fn encode(body: &impl Serialize) -> Result<Bytes, Fault> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|e| Fault::Passing(e.to_string()))
}

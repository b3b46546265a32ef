//! `Cx`: everything a handler may use of the outside world, as values. No clock, no randomness and no settings are
//! reached in any other way, so a test that fixes `Cx` fixes the run.

use std::sync::Arc;

use domain::{Millis, Profile};
use futures_util::future::BoxFuture;

use crate::{Blobs, Fetch, Hub, Kv, Queue, Sql};

/// The engines of a deployment.
#[derive(Clone)]
pub struct Ports {
    pub sql: Arc<dyn Sql>,
    pub kv: Arc<dyn Kv>,
    pub blobs: Arc<dyn Blobs>,
    pub queue: Arc<dyn Queue>,
    pub hub: Arc<dyn Hub>,
    pub fetch: Arc<dyn Fetch>,
}

/// A source of random bytes for tokens, salts and seeds.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// Work that goes on after the reply is sent.
pub trait Background: Send + Sync {
    fn spawn(&self, work: BoxFuture<'static, ()>);
}

/// The settings of a deployment, read once from its variables and secrets.
#[derive(Clone, Debug)]
pub struct Config {
    pub profile: Profile,
    pub signup_open: bool,
    /// Keys that sign sessions: (kid, secret). The first signs, all verify.
    pub jwt_keys: Vec<(String, String)>,
    /// Signs runner tokens and derives their callback secrets.
    pub runner_key: String,
    pub registration_token: String,
    pub queue_token: String,
    /// (e-mail, password) of the administrator made when there is none.
    pub first_admin: Option<(String, String)>,
    pub lease_ms: i64,
    /// Points a new account begins with.
    pub signup_points: i64,
    /// How long a points task may wait and run before it fails with a refund (API.md §3), in milliseconds.
    pub points_deadline_ms: i64,
    /// The same for tasks of the drawing API.
    pub task_deadline_ms: i64,
    /// Scheme and host that links to stored files begin with; empty: those of the request.
    pub public_url: String,
    /// `host:port` pairs that may be called although the rules of `domain::outbound` say no.
    pub fetch_allow: Vec<String>,
}

impl Config {
    /// Reads the settings through `get`; what is not set closes the door it would open.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Config {
        let text = |name: &str| get(name).unwrap_or_default();
        let number = |name: &str| text(name).parse::<i64>().ok().filter(|n| *n >= 0);
        let pair = |entry: &str| entry.trim().split_once(':').map(|(kid, key)| (kid.to_string(), key.to_string()));
        Config {
            profile: Profile::parse(&text("API_PROFILE")).unwrap_or_default(),
            signup_open: text("SIGNUP") == "open",
            jwt_keys: text("JWT_KEYS").split(',').filter_map(pair).filter(|(_, key)| key.len() >= 32).collect(),
            runner_key: text("RUNNER_KEY"),
            registration_token: text("RUNNER_REGISTRATION_TOKEN"),
            queue_token: text("QUEUE_TOKEN"),
            first_admin: get("ADMIN_EMAIL").zip(get("ADMIN_PASSWORD")),
            lease_ms: number("LEASE_MS").filter(|ms| *ms >= 1000).unwrap_or(domain::task::LEASE_MS),
            signup_points: number("SIGNUP_POINTS").filter(|n| *n <= domain::ledger::MAX_POINTS).unwrap_or(0),
            points_deadline_ms: number("POINTS_DEADLINE_MS").unwrap_or(domain::task::POINTS_DEADLINE_MS),
            task_deadline_ms: number("TASK_DEADLINE_MS").unwrap_or(domain::task::TASK_DEADLINE_MS),
            public_url: text("PUBLIC_URL").trim_end_matches('/').to_string(),
            fetch_allow: text("FETCH_ALLOW")
                .split(',')
                .map(str::trim)
                .filter(|h| !h.is_empty())
                .map(Into::into)
                .collect(),
        }
    }
}

/// The context of one request.
#[derive(Clone)]
pub struct Cx {
    pub ports: Ports,
    pub now: Millis,
    pub ids: Arc<dyn Entropy>,
    pub background: Arc<dyn Background>,
    pub config: Arc<Config>,
}

impl Cx {
    /// A fresh 128-bit token, 32 hex digits.
    pub fn token(&self) -> String {
        let mut bytes = [0; 16];
        self.ids.fill(&mut bytes);
        domain::id::hex(&bytes)
    }
}

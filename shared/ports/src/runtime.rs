//! `Runtime`: everything a request may use of the outside world, as values. No clock, no randomness and no settings are
//! reached in any other way, so a test that fixes the runtime fixes the run.

use std::sync::Arc;

use domain::Millis;
use futures_util::future::BoxFuture;

use crate::{Blobs, Fetch, Hub, Kv, Queue, Sql};

/// The engines, the time and the settings of one request.
#[derive(Clone)]
pub struct Runtime {
    /// The database.
    pub sql: Arc<dyn Sql>,
    /// Public catalogues.
    pub kv: Arc<dyn Kv>,
    /// Stored objects.
    pub blobs: Arc<dyn Blobs>,
    /// Hints for runners.
    pub queue: Arc<dyn Queue>,
    /// Watchers' sockets.
    pub hub: Arc<dyn Hub>,
    /// Calls to the outside.
    pub fetch: Arc<dyn Fetch>,
    /// Random bytes.
    pub rng: Arc<dyn Rng>,
    /// Work after the reply.
    pub background: Arc<dyn Background>,
    /// When the request arrived.
    pub now: Millis,
    /// Settings of the deployment.
    pub config: Arc<Config>,
}

impl Runtime {
    /// A fresh 128-bit token, 32 hex digits.
    pub fn token(&self) -> String {
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        domain::id::hex(&bytes)
    }
}

/// A cryptographic source of random bytes, for tokens, salts and seeds.
pub trait Rng: Send + Sync {
    /// Fills the slice.
    fn fill(&self, bytes: &mut [u8]);
}

/// Work that goes on after the reply is sent.
pub trait Background: Send + Sync {
    /// Keeps the platform alive until the work is done.
    fn spawn(&self, work: BoxFuture<'static, ()>);
}

/// The settings of a deployment, read once from its variables and secrets.
#[derive(Clone, Debug)]
pub struct Config {
    /// `API_PROFILE`: the version of the drawing API for requests that name none.
    pub api_version: String,
    /// `SIGNUP`: anyone may sign up.
    pub signup_open: bool,
    /// `JWT_KEYS`, which sign sessions: (kid, secret). The first signs, all verify.
    pub jwt_keys: Vec<(String, String)>,
    /// `RUNNER_KEY`: signs runners' tokens; secrets of runners and webhooks are derived from it.
    pub runner_key: String,
    /// `RUNNER_REGISTRATION_TOKEN`: lets runners register.
    pub registration_token: String,
    /// `QUEUE_TOKEN`: lets runners pull.
    pub queue_token: String,
    /// `ADMIN_EMAIL` and `ADMIN_PASSWORD`: the administrator made at the first log-in.
    pub first_admin: Option<(String, String)>,
    /// `LEASE_MS`: how long a runner may be silent.
    pub lease_ms: i64,
    /// `SIGNUP_POINTS`: points of a new account.
    pub signup_points: i64,
    /// `POINTS_DEADLINE_MS`: deadline of points tasks, from their submission.
    pub points_deadline_ms: i64,
    /// `TASK_DEADLINE_MS`: deadline of other tasks, from their submission.
    pub task_deadline_ms: i64,
    /// `HISTORY_DAYS`, in milliseconds: how long it is kept what a user has looked at.
    pub history_ms: i64,
    /// `TRAINING_DEADLINE_MS`: milliseconds after which a training that has not ended fails.
    pub training_deadline_ms: i64,
    /// `PUBLIC_URL`: scheme and host of links to stored files. Empty: those of the request.
    pub public_url: String,
    /// `FETCH_ALLOW`: `host:port` pairs that may be called although `domain::url_policy` says no.
    pub fetch_allow: Vec<String>,
}

impl Config {
    /// Reads the settings through `get`. A setting that is absent closes the door it would open.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Config {
        let text = |name: &str| get(name).unwrap_or_default();
        let number = |name: &str| text(name).parse::<i64>().ok().filter(|n| *n >= 0);
        let pair = |entry: &str| entry.trim().split_once(':').map(|(kid, key)| (kid.to_string(), key.to_string()));
        let list = |name: &str| -> Vec<String> {
            text(name).split(',').map(str::trim).filter(|item| !item.is_empty()).map(Into::into).collect()
        };
        Config {
            api_version: text("API_PROFILE"),
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
            history_ms: number("HISTORY_DAYS").filter(|days| *days <= 36_500).unwrap_or(180) * 24 * 60 * 60 * 1000,
            training_deadline_ms: number("TRAINING_DEADLINE_MS").unwrap_or(domain::training::TRAINING_DEADLINE_MS),
            public_url: text("PUBLIC_URL").trim_end_matches('/').to_string(),
            fetch_allow: list("FETCH_ALLOW"),
        }
    }
}

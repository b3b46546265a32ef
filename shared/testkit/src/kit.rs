//! `Kit`: a function over in-memory engines, with a clock that stands still until it is moved, random bytes from a
//! counter, and a count of the database's round trips.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::room::Event;
use domain::{Id, Millis};
use edge::native::{MemoryBlobs, MockFetch, NativeSql};
use ports::{Config, Rows, Runtime, Sql, Stmt};
use serde_json::Value as Json;
use store::params::{self, Params};

use crate::call::Call;
use crate::engines::{CounterRng, CountingSql, DeferredBackground, RecordingHub, TestKv};

/// 2026-11-20T00:00:00Z
const START: i64 = 1_795_132_800_000;

/// A function over in-memory engines.
pub struct Kit {
    pub(crate) app: web::App,
    sql: Arc<CountingSql>,
    /// The object store.
    pub blobs: Arc<MemoryBlobs>,
    /// The outside.
    pub fetch: Arc<MockFetch>,
    /// The key-value store; with an entry of no defaults, as a deployment that has run for a while.
    pub kv: Arc<TestKv>,
    hub: Arc<RecordingHub>,
    clock: AtomicI64,
    rng: Arc<CounterRng>,
    background: Arc<DeferredBackground>,
    /// Settings of the next request.
    pub config: Config,
}

/// A user with a session, or with an API key.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user's id.
    pub id: Id,
    /// Empty for a key.
    pub session_id: String,
    /// The session's token, or the key.
    pub token: String,
}

impl Kit {
    /// A function over an empty database with all migrations.
    pub fn new(app: web::App) -> Kit {
        let sql = NativeSql::memory().unwrap_or_else(|e| panic!("the migrations do not apply: {e}"));
        Kit {
            app,
            sql: Arc::new(CountingSql::new(sql)),
            blobs: Arc::default(),
            fetch: Arc::default(),
            kv: Arc::new(TestKv::with([(params::KEY.to_string(), Params::default().entry(START))])),
            hub: Arc::default(),
            clock: AtomicI64::new(START),
            rng: Arc::default(),
            background: Arc::default(),
            config: Config::read(setting),
        }
    }

    /// A kit without a function, for tests of the layers below.
    pub fn without_function() -> Kit {
        Kit::new(web::Routes::new("none", web::Dialect::Plain).build())
    }

    /// The runtime of a request made now.
    pub fn runtime(&self) -> Runtime {
        Runtime {
            sql: self.sql.clone(),
            kv: self.kv.clone(),
            blobs: self.blobs.clone(),
            queue: Arc::new(store::queue::SqlQueue(self.sql.clone())),
            hub: self.hub.clone(),
            fetch: self.fetch.clone(),
            rng: self.rng.clone(),
            background: self.background.clone(),
            now: self.now(),
            config: Arc::new(self.config.clone()),
        }
    }

    /// The time.
    pub fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::SeqCst))
    }

    /// Moves the clock.
    pub fn wait(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// A `GET`.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call("GET", path)
    }

    /// A `POST` of JSON.
    pub fn post(&self, path: &str, body: Json) -> Call<'_> {
        self.call("POST", path).json(body)
    }

    /// A `PATCH` of JSON.
    pub fn patch(&self, path: &str, body: Json) -> Call<'_> {
        self.call("PATCH", path).json(body)
    }

    /// A `DELETE`.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call("DELETE", path)
    }

    /// Any request.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call::new(self, method, path)
    }

    /// A new user with a session and 100,000 points, inserted into the database.
    pub async fn user(&self, name: &str) -> Account {
        self.account(name, false).await
    }

    /// As `user`, an administrator.
    pub async fn admin(&self, name: &str) -> Account {
        self.account(name, true).await
    }

    async fn account(&self, name: &str, admin: bool) -> Account {
        let now = self.now();
        let expires = now.plus(30 * 24 * 60 * 60 * 1000);
        let session_id = self.runtime().token();
        let rows = self
            .sql(
                "INSERT INTO users (name, email, password, admin, created_at, updated_at) \
                 VALUES (?1, ?2, '-', ?3, ?4, ?4) RETURNING id",
                [name.into(), format!("{name}@example.com").into(), admin.into(), now.into()],
            )
            .await;
        let id = rows.first().and_then(|r| r.int("id")).unwrap_or(0);
        self.sql(
            "INSERT INTO sessions (id, user_id, ip, user_agent, created_at, updated_at, expires_at) \
             VALUES (?1, ?2, 'test', 'test', ?3, ?3, ?4)",
            [(&session_id).into(), id.into(), now.into(), expires.into()],
        )
        .await;
        self.grant(id, 100_000).await;
        let session = web::Session { user_id: id, session_id: session_id.clone() };
        let token = web::mint_session(&self.config, &session, now, expires).unwrap_or_else(|e| panic!("{e}"));
        Account { id, session_id, token }
    }

    /// Gives a user points.
    pub async fn grant(&self, user: Id, points: i64) {
        self.sql(
            "INSERT INTO grants (user_id, kind, amount, remaining, created_at) VALUES (?1, 'grant', ?2, ?2, ?3)",
            [user.into(), points.into(), self.now().into()],
        )
        .await;
    }

    /// A new API key of an account, inserted into the database.
    pub async fn key(&self, account: &Account, scopes: &[&str]) -> Account {
        let key = self.config.jwt_keys.first().map_or("", |(_, key)| key);
        let token = domain::api_key::text(key.as_bytes(), account.id, &self.runtime().token());
        self.sql(
            "INSERT INTO keys (hash, prefix, name, scopes, user_id, created_at, updated_at) \
             VALUES (?1, ?2, 'test', ?3, ?4, ?5, ?5)",
            [
                web::sha256_hex(token.as_bytes()).into(),
                domain::api_key::prefix(&token).into(),
                Json::from(scopes).to_string().into(),
                account.id.into(),
                self.now().into(),
            ],
        )
        .await;
        Account { id: account.id, session_id: String::new(), token }
    }

    /// A new image of a user, inserted into the database. Returns its id.
    pub async fn image(&self, user: Id, public: bool) -> Id {
        let rows = self
            .sql(
                "INSERT INTO images (name, key, width, height, size, sha256, prompt, num_inference_steps, guidance_scale, \
                 scheduler, seed, public, user_id, created_at, updated_at) \
                 VALUES ('', ?1, 1, 1, 1, '', '', 1, 1, 'DDIM', 0, ?2, ?3, ?4, ?4) RETURNING id",
                [self.runtime().token().into(), public.into(), user.into(), self.now().into()],
            )
            .await;
        rows.first().and_then(|r| r.int("id")).unwrap_or(0)
    }

    /// Runs one statement, uncounted. Parameters are `?1`, `?2`, ….
    pub async fn sql(&self, sql: &'static str, args: impl IntoIterator<Item = ports::Value>) -> Rows {
        let mut rows = self.sql.inner.run(vec![Stmt::new(sql, args)]).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        rows.pop().unwrap_or_default()
    }

    /// The integer that a query yields.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let rows = self.sql(sql, []).await;
        rows.values.first().and_then(|r| r.first()).map_or(0, |v| match v {
            ports::Value::Int(n) => *n,
            ports::Value::Real(x) => *x as i64,
            _ => 0,
        })
    }

    /// Round trips to the database since the last call, without background work.
    pub fn batches(&self) -> usize {
        self.sql.take()
    }

    /// Does the background work.
    pub async fn settle(&self) {
        loop {
            let work = self.background.take();
            if work.is_empty() {
                return;
            }
            for task in work {
                task.await;
            }
        }
    }

    /// The events published since the last call, each with its room. Does the background work first.
    pub async fn published(&self) -> Vec<(String, Event)> {
        self.settle().await;
        self.hub.take()
    }

    /// Compares the function's OpenAPI fragment with the committed one; `UPDATE_OPENAPI=1` writes it.
    pub fn check_openapi(app: &web::App, manifest_dir: &str) {
        let path = format!("{manifest_dir}/openapi.json");
        let fresh = format!("{:#}\n", web::openapi::fragment(app));
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&path, &fresh).unwrap_or_else(|e| panic!("{path}: {e}"));
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == fresh, "{path} is stale: run cargo xtask openapi");
    }
}

/// The settings of tests.
fn setting(name: &str) -> Option<String> {
    Some(match name {
        "JWT_KEYS" => "t1:test-key-test-key-test-key-test-key,t0:older-key-older-key-older-key-older".into(),
        "RUNNER_KEY" => "runner-key-runner-key-runner-key-runner".into(),
        "RUNNER_REGISTRATION_TOKEN" => "registration-token".into(),
        "QUEUE_TOKEN" => "queue-token-queue-token".into(),
        "SIGNUP" => "open".into(),
        _ => return None,
    })
}

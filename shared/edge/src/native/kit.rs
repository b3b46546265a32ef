//! The test kit: a function's app over in-memory engines, a clock that stands still until it is moved, random bytes
//! from a counter, and a count of the database's round trips.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::room::{Event, Join};
use domain::{Id, Millis};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use ports::{Background, Config, Cx, Entropy, Hub, HubError, Ports, Rows, Sql, SqlError, Stmt, Upgraded};
use serde_json::Value as Json;
use web::axum::body::Body;

use super::{MemoryBlobs, MemoryKv, NativeSql, Outside};

/// 2026-11-20T00:00:00Z
const START: i64 = 1_795_132_800_000;

pub struct Kit {
    app: web::App,
    sql: Arc<Counting>,
    pub blobs: Arc<MemoryBlobs>,
    pub outside: Arc<Outside>,
    hub: Arc<Recording>,
    clock: AtomicI64,
    ids: Arc<Counter>,
    background: Arc<Collected>,
    pub config: Config,
}

/// A user with a session.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: Id,
    pub session_id: String,
    pub token: String,
}

/// A response, read.
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub bytes: bytes::Bytes,
    /// What the hub was asked, when the request was to watch something.
    pub join: Option<Join>,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or(Json::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// `code` or `code:param` of the error envelope.
    pub fn error(&self) -> String {
        let json = self.json();
        let code = json["error"]["code"].as_str().unwrap_or("no error").to_string();
        match json["error"]["param"].as_str() {
            Some(param) => format!("{code}:{param}"),
            None => code,
        }
    }
}

/// A request being put together.
pub struct Call<'a> {
    kit: &'a Kit,
    request: http::request::Builder,
    body: Vec<u8>,
}

impl Kit {
    pub fn new(app: web::App) -> Kit {
        let sql = NativeSql::memory().unwrap_or_else(|e| panic!("the migrations do not apply: {e}"));
        Kit {
            app,
            sql: Arc::new(Counting { inner: sql, batches: AtomicUsize::new(0) }),
            blobs: Arc::default(),
            outside: Arc::default(),
            hub: Arc::default(),
            clock: AtomicI64::new(START),
            ids: Arc::new(Counter(AtomicU64::new(1))),
            background: Arc::default(),
            config: Config::read(|name| {
                Some(match name {
                    "JWT_KEYS" => {
                        "t1:test-key-test-key-test-key-test-key,t0:older-key-older-key-older-key-older".into()
                    }
                    "RUNNER_KEY" => "runner-key-runner-key-runner-key-runner".into(),
                    "RUNNER_REGISTRATION_TOKEN" => "registration-token".into(),
                    "QUEUE_TOKEN" => "queue-token-queue-token".into(),
                    "SIGNUP" => "open".into(),
                    _ => return None,
                })
            }),
        }
    }

    pub fn cx(&self) -> Cx {
        Cx {
            ports: Ports {
                sql: self.sql.clone(),
                kv: Arc::new(MemoryKv::default()),
                blobs: self.blobs.clone(),
                queue: Arc::new(store::queue::Embedded(self.sql.clone())),
                hub: self.hub.clone(),
                fetch: self.outside.clone(),
            },
            now: self.now(),
            ids: self.ids.clone(),
            background: self.background.clone(),
            config: Arc::new(self.config.clone()),
        }
    }

    pub fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::SeqCst))
    }

    /// Moves the clock.
    pub fn wait(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call("GET", path)
    }

    pub fn post(&self, path: &str, body: Json) -> Call<'_> {
        self.call("POST", path).json(body)
    }

    pub fn patch(&self, path: &str, body: Json) -> Call<'_> {
        self.call("PATCH", path).json(body)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call("DELETE", path)
    }

    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call { kit: self, request: http::Request::builder().method(method).uri(path), body: Vec::new() }
    }

    /// A new user with a session, straight in the database.
    pub async fn user(&self, name: &str) -> Account {
        self.account(name, false).await
    }

    pub async fn admin(&self, name: &str) -> Account {
        self.account(name, true).await
    }

    async fn account(&self, name: &str, admin: bool) -> Account {
        let now = self.now();
        let expires = now.plus(30 * 24 * 60 * 60 * 1000);
        let session_id = self.cx().token();
        let rows = self
            .sql(
                "INSERT INTO users (name, email, password, admin, created_at, updated_at) VALUES (?1, ?2, '-', ?3, ?4, ?4) RETURNING id",
                [name.into(), format!("{name}@example.com").into(), admin.into(), now.0.into()],
            )
            .await;
        let id = rows.first().and_then(|r| r.int("id")).unwrap_or(0);
        self.sql(
            "INSERT INTO sessions (id, user_id, ip, user_agent, created_at, updated_at, expires_at) VALUES (?1, ?2, 'test', 'test', ?3, ?3, ?4)",
            [session_id.as_str().into(), id.into(), now.0.into(), expires.0.into()],
        )
        .await;
        self.grant(id, 100_000).await;
        let session = web::Session { user_id: id, session_id: session_id.clone() };
        let token = web::mint_session(&self.config, &session, now, expires).unwrap_or_else(|e| panic!("{e}"));
        Account { id, session_id, token }
    }

    /// Gives a user points, which everybody made here has plenty of to begin with.
    pub async fn grant(&self, user: Id, points: i64) {
        self.sql(
            "INSERT INTO grants (user_id, kind, amount, remaining, created_at) VALUES (?1, 'grant', ?2, ?2, ?3)",
            [user.into(), points.into(), self.now().0.into()],
        )
        .await;
    }

    /// A new API key of an account, straight in the database: the account as whoever holds the key is it.
    pub async fn key(&self, account: &Account, scopes: &[&str]) -> Account {
        let key = self.config.jwt_keys.first().map_or("", |(_, key)| key);
        let token = domain::api_key::text(key.as_bytes(), account.id, &self.cx().token());
        self.sql(
            "INSERT INTO keys (hash, prefix, name, scopes, user_id, created_at, updated_at) VALUES (?1, ?2, 'test', ?3, ?4, ?5, ?5)",
            [
                web::sha256_hex(token.as_bytes()).into(),
                domain::api_key::prefix(&token).into(),
                Json::from(scopes).to_string().into(),
                account.id.into(),
                self.now().0.into(),
            ],
        )
        .await;
        Account { id: account.id, session_id: String::new(), token }
    }

    /// Runs one statement, uncounted.
    pub async fn sql(&self, sql: &'static str, args: impl IntoIterator<Item = ports::Value>) -> Rows {
        let mut rows = self.sql.inner.run(vec![Stmt::new(sql, args)]).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        rows.pop().unwrap_or_default()
    }

    /// The integer a query yields, for counting rows.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let rows = self.sql(sql, []).await;
        rows.values.first().and_then(|r| r.first()).map_or(0, |v| match v {
            ports::Value::Int(n) => *n,
            ports::Value::Real(x) => *x as i64,
            _ => 0,
        })
    }

    /// Round trips to the database since the last time this was asked, background work not included.
    pub fn batches(&self) -> usize {
        self.sql.batches.swap(0, Ordering::SeqCst)
    }

    /// Does what was left for after the replies.
    pub async fn settle(&self) {
        loop {
            let work = std::mem::take(&mut *self.background.0.lock().unwrap_or_else(PoisonError::into_inner));
            if work.is_empty() {
                return;
            }
            for task in work {
                task.await;
            }
        }
    }

    /// What watchers were told since the last time this was asked: room and event. Does the work left over first.
    pub async fn told(&self) -> Vec<(String, Event)> {
        self.settle().await;
        std::mem::take(&mut *self.hub.0.lock().unwrap_or_else(PoisonError::into_inner))
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

impl Call<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn by(self, account: &Account) -> Self {
        let bearer = format!("Bearer {}", account.token);
        self.header("authorization", &bearer)
    }

    pub fn bearer(self, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        self.header("authorization", &bearer)
    }

    pub fn json(self, body: Json) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub async fn send(self) -> Reply {
        let request = self.request.body(Body::from(self.body)).unwrap_or_else(|e| panic!("no request: {e}"));
        let response = self.kit.app.handle(self.kit.cx(), request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        let join = parts.extensions.get::<Arc<Upgraded>>().and_then(|upgraded| upgraded.take());
        Reply { status: parts.status.as_u16(), headers: parts.headers, bytes, join }
    }
}

struct Counting {
    inner: NativeSql,
    batches: AtomicUsize,
}

#[async_trait]
impl Sql for Counting {
    async fn run(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        self.inner.run(batch).await
    }
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            let length = chunk.len();
            chunk.copy_from_slice(&n[8 - length..]);
        }
    }
}

#[derive(Default)]
struct Collected(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Background for Collected {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }
}

#[derive(Default)]
struct Recording(Mutex<Vec<(String, Event)>>);

#[async_trait]
impl Hub for Recording {
    async fn publish(&self, room: &str, event: &Event) -> Result<(), HubError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((room.to_string(), event.clone()));
        Ok(())
    }

    /// Answers with the frames the newcomer would be sent, or the close code, as JSON: natively there are no sockets.
    async fn watch(&self, room: &str, join: &Join) -> Result<Upgraded, HubError> {
        let _ = room;
        Ok(Upgraded::new(join.clone()))
    }

    async fn wake(&self) -> Result<(), HubError> {
        Ok(())
    }
}

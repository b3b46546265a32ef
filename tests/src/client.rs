//! Calls to the edge as users make them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::env::setting;
use crate::wait::PATIENCE;

/// A name no other test, run or account has: the process, when it began, a counter.
pub fn unique(word: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 1_000_000;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{word}-{second}-{}-{number}", std::process::id())
}

/// A running edge. Calls through it are anonymous.
#[derive(Clone)]
pub struct Edge {
    pub url: String,
    client: Client,
}

impl Edge {
    /// The one at `BASE_URL`.
    pub fn shared() -> Edge {
        Edge::at(&setting("BASE_URL"))
    }

    pub fn at(url: &str) -> Edge {
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
        Edge { url: url.trim_end_matches('/').to_owned(), client: client.build().expect("an HTTP client") }
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        let method: Method = method.parse().expect("a method");
        Call(self.client.request(method, format!("{}{path}", self.url)))
    }

    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call("POST", path).json(body)
    }

    /// A new account, logged in.
    pub async fn sign_up(&self, word: &str) -> Account {
        let name = unique(word);
        let (email, password) = (format!("{name}@example.com"), format!("password of {name}"));
        let body = json!({"email": email, "password": password, "name": name});
        let made = self.post("/api/users", &body).send().await.expect(201).json();
        let id = made["id"].as_i64().expect("a new user has an id");
        let session = self.log_in(&email, &password).await;
        Account { edge: self.clone(), id, name, email, password, session }
    }

    /// A new session: its JSON, with `token`.
    pub async fn log_in(&self, email: &str, password: &str) -> Value {
        self.post("/api/sessions", &json!({"email": email, "password": password})).send().await.expect(201).json()
    }

    /// The administrator every edge of these tests has.
    pub async fn admin(&self) -> Account {
        let (email, password) = (setting("ADMIN_EMAIL"), setting("ADMIN_PASSWORD"));
        let session = self.log_in(&email, &password).await;
        let id = session["user_id"].as_i64().expect("a session has a user");
        Account { edge: self.clone(), id, name: "admin".into(), email, password, session }
    }
}

/// Somebody logged in.
pub struct Account {
    pub edge: Edge,
    pub id: i64,
    pub name: String,
    pub email: String,
    pub password: String,
    /// The session's JSON.
    pub session: Value,
}

impl Account {
    pub fn token(&self) -> &str {
        self.session["token"].as_str().expect("a session has a token")
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        self.edge.call(method, path).bearer(self.token())
    }

    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call("POST", path).json(body)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Call {
        self.call("PATCH", path).json(body)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// Creates something: its id.
    pub async fn make(&self, path: &str, body: &Value) -> i64 {
        let made = self.post(path, body).send().await.expect(201).json();
        made["id"].as_i64().expect("what is made has an id")
    }

    /// Submits a small task; its id. `more` overrides.
    pub async fn submit(&self, more: &Value) -> i64 {
        let mut task =
            json!({"prompt": "a lighthouse at dusk", "width": 64, "height": 64, "num_inference_steps": 4, "seed": 7});
        for (name, value) in more.as_object().into_iter().flatten() {
            task[name] = value.clone();
        }
        self.make("/api/tasks", &task).await
    }

    pub async fn task(&self, id: i64) -> Value {
        self.get(&format!("/api/tasks/{id}")).send().await.expect(200).json()
    }
}

/// A request in the making.
pub struct Call(RequestBuilder);

impl Call {
    pub fn bearer(self, token: &str) -> Call {
        Call(self.0.bearer_auth(token))
    }

    pub fn header(self, name: &str, value: &str) -> Call {
        Call(self.0.header(name, value))
    }

    pub fn json(self, body: &Value) -> Call {
        self.body("application/json", body.to_string())
    }

    pub fn body(self, content_type: &str, body: impl Into<reqwest::Body>) -> Call {
        Call(self.0.header("content-type", content_type).body(body))
    }

    pub async fn send(self) -> Answer {
        self.try_send().await.expect("the edge answers")
    }

    /// For calls to an edge that may be gone.
    pub async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, bytes: response.bytes().await?.to_vec() })
    }

    /// The response with its body still to come.
    pub(crate) async fn open(self) -> reqwest::Response {
        self.0.send().await.expect("the edge answers")
    }
}

/// A whole response.
pub struct Answer {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Fails the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Fails the test unless this is an error of that status and code, in the one envelope.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status);
        assert_eq!(answer.error()["code"], code);
        answer
    }

    /// The value of a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).chars().take(2000).collect()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.bytes) {
            Ok(json) => json,
            Err(error) => panic!("{}: no JSON ({error}): {}", self.status, self.text()),
        }
    }

    /// The error of the one envelope, checked for its shape.
    #[track_caller]
    pub fn error(&self) -> Value {
        let json = self.json();
        let error = &json["error"];
        let code = error["code"].as_str().unwrap_or_default();
        let sound = code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !code.is_empty();
        assert!(sound && error["message"].is_string() && error.get("param").is_some(), "not the envelope: {json}");
        error.clone()
    }
}

//! Users: each submits while there is something to submit, repeats what was not answered until it is, cancels, deletes,
//! and leaves when out of points. They know nothing of what happens to the edge.

use std::collections::VecDeque;
use std::time::Duration;

use domain::time::Millis;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::history::{History, Name};
use super::now;
use crate::client::{Answer, Call, Edge, unique};

const MODELS: [&str; 4] = ["sc_soraimg_text_auto", "sc_soraimg_text_1x1", "sc_soraimg_text_2x3", "sc_soraimg_text_3x2"];
/// A user waits with more while so many of theirs are not done.
const OPEN: usize = 5;
/// Refusals for want of points after which a user leaves.
const STRIKES: u32 = 3;

pub struct Load<'a> {
    pub edge: &'a Edge,
    pub history: &'a History,
    /// Bearer of the administrator.
    pub admin: &'a str,
    /// `host:port` of the users' webhooks.
    pub inbox: &'a str,
    /// What trainings learn from.
    pub dataset: i64,
}

struct User {
    id: i64,
    token: String,
    open: VecDeque<Name>,
}

impl Load<'_> {
    /// One after another, until all is submitted.
    pub async fn user(&self, mut rng: fastrand::Rng) {
        while self.history.take() {
            self.history.give_back();
            let mut user = self.sign_up(&mut rng).await;
            self.live(&mut user, &mut rng).await;
        }
    }

    async fn live(&self, user: &mut User, rng: &mut fastrand::Rng) {
        let mut strikes = 0;
        while strikes < STRIKES {
            let burst = if rng.u32(0..8) == 0 { 6 } else { rng.usize(1..=2) };
            let taken = (0..burst).filter(|_| self.history.take()).count();
            if taken == 0 {
                return;
            }
            let orders: Vec<_> = (0..taken).map(|_| (self.order(rng), unique("key"), rng.fork())).collect();
            let sent = orders.into_iter().map(|(order, key, rng)| self.submit(user, order, key, rng));
            let names: Vec<Option<Name>> = join_all(sent).await;
            let refused = names.contains(&None);
            strikes += u32::from(refused);
            user.open.extend(names.into_iter().flatten());
            // Points may come back when what is open ends.
            self.wait(user, if refused { 0 } else { OPEN }, rng).await;
        }
    }

    /// Asks until there is an answer of an edge that is well.
    async fn insist(&self, rng: &mut fastrand::Rng, call: impl Fn() -> Call) -> Answer {
        loop {
            match call().try_send().await {
                Ok(answer) if answer.status < 500 && answer.status != 429 => return answer,
                Ok(answer) => {
                    *self
                        .history
                        .recorded()
                        .unwell
                        .entry(format!("{} {}", answer.status, answer.text()))
                        .or_default() += 1;
                }
                Err(_) => self.history.recorded().cut += 1,
            }
            sleep(Duration::from_millis(rng.u64(50..400))).await;
        }
    }

    fn wrong(&self, what: &str, answer: &Answer) {
        self.history.recorded().wrong.push(format!("{what}: {} {}", answer.status, answer.text()));
    }

    async fn sign_up(&self, rng: &mut fastrand::Rng) -> User {
        let name = unique("user");
        let address = format!("198.51.{}.{}", rng.u8(..), rng.u8(..));
        let (email, password) = (format!("{name}@example.com"), "a password of theirs");
        let body = json!({"email": email, "password": password, "name": name});
        let post = |path, body| self.edge.post(path, body).header("cf-connecting-ip", &address);
        let made = self.insist(rng, || post("/api/users", &body)).await;
        // One whose answer was lost is there already.
        if !matches!(made.status, 201 | 409) {
            self.wrong("a sign-up", &made);
        }
        let body = json!({"email": email, "password": password});
        let session = self.insist(rng, || post("/api/sessions", &body)).await.expect(201).json();
        let (id, token) = (session["user_id"].as_i64(), session["token"].as_str());
        let user = User {
            id: id.expect("a session has a user"),
            token: token.expect("a session has a token").to_owned(),
            open: VecDeque::new(),
        };
        self.history.recorded().users += 1;
        if rng.bool() {
            let end = Millis(now() + rng.i64(3_000..20_000)).rfc3339();
            let gift = json!({"points": rng.u32(30..300), "expires_at": end});
            let (path, key) = (format!("/api/users/{}/points", user.id), unique("gift"));
            let give = || self.edge.post(&path, &gift).bearer(self.admin).header("idempotency-key", &key);
            let given = self.insist(rng, give).await;
            // It may have expired before an edge was there to hear of it.
            if !matches!(given.status, 201 | 400) {
                self.wrong("a gift", &given);
            }
        }
        if rng.bool() {
            let hook = json!({"url": format!("http://{}/{}", self.inbox, user.id)});
            let key = unique("hook");
            let made = self
                .insist(rng, || self.by(&user, "POST", "/api/webhooks").header("idempotency-key", &key).json(&hook));
            let made = made.await;
            if made.status != 201 {
                self.wrong("a webhook", &made);
            }
        }
        user
    }

    fn by(&self, user: &User, method: &str, path: &str) -> Call {
        self.edge.call(method, path).bearer(&user.token)
    }

    /// None when there are not enough points. Some send it several times at once, or once more: it is one task.
    async fn submit(
        &self,
        user: &User,
        (path, body): (&'static str, Value),
        key: String,
        mut rng: fastrand::Rng,
    ) -> Option<Name> {
        let send = || self.by(user, "POST", path).header("idempotency-key", &key).json(&body);
        let copies = if rng.u32(0..10) == 0 { 3 } else { 1 };
        let mut answers = join_all((0..copies).map(|_| {
            let mut rng = rng.fork();
            async move { self.insist(&mut rng, send).await }
        }))
        .await;
        if rng.u32(0..10) == 0 {
            answers.push(self.insist(&mut rng, send).await);
        }
        self.history.recorded().repeated += answers.len() as u32 - 1;
        let (refused, taken): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|a| a.status == 402);
        self.history.recorded().refused += u32::from(!refused.is_empty());
        let Some(first) = taken.first() else {
            self.history.give_back();
            return None;
        };
        let name = match path {
            "/api/tasks" => first.json()["id"].as_i64().map(Name::Id),
            _ => first.json()["data"]["taskNo"].as_str().map(|number| Name::Number(number.to_owned())),
        };
        let Some(name) = name.filter(|_| first.status < 300) else {
            self.wrong("a submission", first);
            return None;
        };
        if let Some(other) = taken.iter().find(|other| (other.status, &other.bytes) != (first.status, &first.bytes)) {
            self.wrong(&format!("another answer under the key of {}", first.text()), other);
        }
        let whose = (user.id, key);
        if let Some(other) = self.history.recorded().acknowledged.insert(name.clone(), whose.clone()) {
            self.history.recorded().wrong.push(format!("{name:?} was given to {other:?} and {whose:?}"));
        }
        Some(name)
    }

    /// Until so few are open; meddles now and then.
    async fn wait(&self, user: &mut User, open: usize, rng: &mut fastrand::Rng) {
        loop {
            match rng.u32(0..100) {
                0..3 => self.cancel(user, rng).await,
                3 => self.delete(user, rng).await,
                _ => {}
            }
            if user.open.len() <= open {
                return;
            }
            let Some(name) = user.open.front().cloned() else { return };
            let answer = self.insist(rng, || self.by(user, "GET", &name.path())).await;
            let json = answer.json();
            let status = json["data"]["status"].as_str().or(json["status"].as_str()).unwrap_or_default();
            match (answer.status, status) {
                (200, "success" | "completed") => self.ended(user, name, true),
                (200, "error" | "failed") => self.ended(user, name, false),
                (200, _) => sleep(Duration::from_millis(rng.u64(50..200))).await,
                _ => {
                    self.wrong(&format!("{name:?} is gone"), &answer);
                    user.open.pop_front();
                }
            }
        }
    }

    fn ended(&self, user: &mut User, name: Name, success: bool) {
        user.open.retain(|other| *other != name);
        self.history.recorded().ended.insert(name, success);
    }

    async fn cancel(&self, user: &mut User, rng: &mut fastrand::Rng) {
        let Some(name) = pick(&user.open, rng) else { return };
        let answer =
            self.insist(rng, || self.by(user, "POST", &format!("{}/cancel", name.path())).json(&json!({}))).await;
        match answer.status {
            200 => self.history.recorded().canceled += 1,
            // It ended meanwhile, or by the cancellation whose answer was lost.
            409 => {}
            _ => self.wrong("a cancellation", &answer),
        }
    }

    async fn delete(&self, user: &mut User, rng: &mut fastrand::Rng) {
        let Some(name @ Name::Id(_)) = pick(&user.open, rng) else { return };
        let answer = self.insist(rng, || self.by(user, "DELETE", &name.path())).await;
        if !matches!(answer.status, 204 | 404) {
            self.wrong("a deletion", &answer);
        }
        user.open.retain(|other| *other != name);
        self.history.recorded().deleted.push(name);
    }

    /// Where a task is submitted, and what is asked for. Few are long enough to be cancelled while they run.
    fn order(&self, rng: &mut fastrand::Rng) -> (&'static str, Value) {
        if rng.u32(0..5) < 2 {
            let model = MODELS[rng.usize(..MODELS.len())];
            return ("/user/ai/tasks/submit", json!({"modelName": model, "prompt": "一座燈塔"}));
        }
        if rng.u32(0..8) == 0 {
            let steps = if rng.bool() { 20 } else { 200 };
            let training = json!({"type": "training", "model_type": "lora", "name": "Square", "dataset_id": self.dataset,
                "steps": steps, "rank": 2, "resolution": 64, "seed": 5});
            return ("/api/tasks", training);
        }
        let (side, steps) = if rng.u32(0..20) == 0 { (128, 40) } else { (64, rng.u32(2..=6)) };
        let pictures = if rng.u32(0..5) == 0 { 2 } else { 1 };
        let drawing = json!({"prompt": "a lighthouse at dusk", "width": side, "height": side,
            "num_inference_steps": steps, "n": pictures});
        ("/api/tasks", drawing)
    }
}

fn pick(open: &VecDeque<Name>, rng: &mut fastrand::Rng) -> Option<Name> {
    if open.is_empty() { None } else { open.get(rng.usize(..open.len())).cloned() }
}

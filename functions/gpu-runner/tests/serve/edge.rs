//! An edge in miniature, on a real socket: it keeps tasks and leases as the contract says, and answers otherwise when a
//! test wants it to. Every call is told to the test, in the order of arrival.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use domain::Id;
use protocol::runner::{
    Claim, DrawParams, LEASE_HEADER, RUNNER_HEADER, TrainParams, Work, input_path, is_output_key, lora_path,
    model_path, parse_runner_id, runner_id,
};
use protocol::webhook::{Secret, derive};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::training_edge::Trainings;

/// The registration that draws, and the one that trains.
pub const SERVER: Id = 7;
pub const TRAINER: Id = 8;
pub const REGISTRATION: &str = "secret-of-registration";
pub const QUEUE: &str = "secret-of-queue";
/// Calls that are answered with a file.
const FILES: [&str; 5] = ["input", "lora", "model", "image", "kept-state"];
const EMPTY: &str = r#"{"result":{"messages":[]},"success":true}"#;

/// A call that arrived, and the status it was answered with.
#[derive(Clone, Debug)]
pub struct Call {
    pub what: &'static str,
    pub status: u16,
    /// `webhook-id`, where there is one.
    pub id: String,
    pub json: Value,
    pub body: Bytes,
    /// The key of a put, the path of an input.
    pub key: String,
    /// Of a file, which bytes were asked for.
    pub range: String,
    /// Behind the question mark.
    pub query: String,
}

/// What a call gets in place of the right answer.
pub enum Answer {
    Say(u16, Value),
    Raw(Vec<u8>),
    /// The call has its effect, but this status is what arrives.
    DoneBut(u16),
    Never,
}

#[derive(Default)]
struct Inner {
    /// The last epoch of each registration.
    epochs: HashMap<Id, i64>,
    messages: VecDeque<(String, String)>,
    training_messages: VecDeque<(String, String)>,
    trainings: Trainings,
    answers: HashMap<&'static str, VecDeque<Answer>>,
    tasks: HashMap<Id, Task>,
    lease_ms: i64,
    cancel: bool,
    /// All calls are answered with 503.
    down: bool,
    /// Who asks for the first of these is given the second.
    turns: HashMap<Id, Id>,
    /// The pictures to start from, by task and place.
    inputs: HashMap<(Id, usize), Vec<u8>>,
    /// The files of LoRAs, by task and place.
    loras: HashMap<(Id, usize), Vec<u8>>,
    /// Those of whole models, by task.
    models: HashMap<Id, Vec<u8>>,
}

struct Task {
    work: Work,
    waiting: bool,
    attempt: i64,
    lease: Option<String>,
    last_seq: i64,
}

impl Task {
    fn new(work: Work) -> Self {
        Self { work, waiting: true, attempt: 0, lease: None, last_seq: 0 }
    }
}

#[derive(Clone)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    calls: mpsc::UnboundedSender<Call>,
}

pub struct Edge {
    pub url: String,
    shared: Shared,
    calls: mpsc::UnboundedReceiver<Call>,
    /// All calls that were waited for or passed over.
    pub seen: Vec<Call>,
}

impl Edge {
    pub async fn start() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let inner = Inner { lease_ms: 60_000, ..Inner::default() };
        let shared = Shared { inner: Arc::new(Mutex::new(inner)), calls: sender };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared, calls, seen: Vec::new() }
    }

    /// A task that waits, and the message that says so.
    pub fn submit(&self, task: Id, params: DrawParams) {
        self.inner().tasks.insert(task, Task::new(Work::Inference(params)));
        self.message(&json!({ "task_id": task }).to_string());
    }

    /// A training that waits, and the message that says so.
    pub fn submit_training(&self, task: Id, params: TrainParams) {
        self.inner().tasks.insert(task, Task::new(Work::Training(params)));
        self.announce_training(task);
    }

    /// The lease ran out, or the task was handed back: it waits for another attempt.
    pub fn release(&self, task: Id) {
        let mut inner = self.inner();
        let task = inner.tasks.get_mut(&task).unwrap();
        (task.waiting, task.lease) = (true, None);
    }

    pub fn announce_training(&self, task: Id) {
        let body = json!({ "task_id": task }).to_string();
        self.inner().training_messages.push_back((format!("training-{task}"), body));
    }

    /// What the edge keeps of trainings.
    pub fn trainings<T>(&self, look: impl FnOnce(&mut Trainings) -> T) -> T {
        look(&mut self.inner().trainings)
    }

    /// A task that waits, whose message has not come yet, and whose turn it is when `asked` is asked for.
    pub fn submit_before(&self, asked: Id, task: Id, params: DrawParams) {
        let mut inner = self.inner();
        inner.tasks.insert(task, Task::new(Work::Inference(params)));
        inner.turns.insert(asked, task);
    }

    /// The files that a task names.
    pub fn inputs(&self, task: Id, files: &[&[u8]]) {
        let files = files.iter().enumerate().map(|(index, file)| ((task, index), file.to_vec()));
        self.inner().inputs.extend(files);
    }

    pub fn loras(&self, task: Id, files: &[&[u8]]) {
        let files = files.iter().enumerate().map(|(index, file)| ((task, index), file.to_vec()));
        self.inner().loras.extend(files);
    }

    pub fn model(&self, task: Id, file: &[u8]) {
        self.inner().models.insert(task, file.to_vec());
    }

    pub fn message(&self, body: &str) {
        let mut inner = self.inner();
        let lease_id = format!("message-{}-{}", inner.messages.len(), body.len());
        inner.messages.push_back((lease_id, body.to_owned()));
    }

    /// The next call of this kind gets this.
    pub fn answer(&self, what: &'static str, answer: Answer) {
        self.inner().answers.entry(what).or_default().push_back(answer);
    }

    /// The next call of this kind learns that the lease is not its own.
    pub fn stale(&self, what: &'static str) {
        let (status, reply) = stale();
        self.answer(what, Answer::Say(status, reply));
    }

    pub fn fails(&self, what: &'static str, status: u16, times: usize) {
        for _ in 0..times {
            self.answer(what, Answer::Say(status, json!({"error": {"code": "told_so"}})));
        }
    }

    /// From now on progress is answered with the wish to cancel.
    pub fn cancel(&self) {
        self.inner().cancel = true;
    }

    /// From now on every call fails, or none does by itself.
    pub fn down(&self, down: bool) {
        self.inner().down = down;
    }

    pub fn lease_ms(&self, ms: i64) {
        self.inner().lease_ms = ms;
    }

    /// What a restart with other keys does: no registration is known any more.
    pub fn forget_runner(&self) {
        self.inner().epochs.values_mut().for_each(|epoch| *epoch += 1);
    }

    /// The lease runs out, somebody else takes the task.
    pub fn take_away(&self, task: Id) {
        self.inner().tasks.get_mut(&task).unwrap().lease = Some("f".repeat(32));
    }

    /// The next call of this kind; what comes before it is kept in `seen`.
    pub async fn next(&mut self, what: &str) -> Call {
        self.until(what, |call| call.what == what).await
    }

    pub async fn until(&mut self, wanted: &str, accept: impl Fn(&Call) -> bool) -> Call {
        // Only a broken test waits so long.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let call = tokio::time::timeout_at(deadline, self.calls.recv()).await;
            let Ok(Some(call)) = call else {
                panic!(
                    "no {wanted} after {:?}",
                    self.seen.iter().map(|call| (call.what, call.status)).collect::<Vec<_>>()
                )
            };
            self.seen.push(call.clone());
            if accept(&call) {
                return call;
            }
        }
    }

    /// The calls of these kinds seen so far, in order.
    pub fn all(&self, whats: &[&str]) -> Vec<Call> {
        self.seen.iter().filter(|call| whats.contains(&call.what)).cloned().collect()
    }

    /// The same, with all that has arrived by now.
    pub fn rest(&mut self, whats: &[&str]) -> Vec<Call> {
        while let Ok(call) = self.calls.try_recv() {
            self.seen.push(call);
        }
        self.all(whats)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> (StatusCode, Vec<u8>) {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 26).await.unwrap();
    let path = head.uri.path().to_owned();
    let Some(what) = name(head.method.as_str(), &path) else {
        return (StatusCode::NOT_FOUND, Vec::new());
    };
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let mut call = Call {
        what,
        status: 0,
        id: text("webhook-id"),
        json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        key: path.strip_prefix("/callbacks/").filter(|_| head.method != "POST").unwrap_or("").to_owned(),
        range: text("range"),
        body,
        query: head.uri.query().unwrap_or("").to_owned(),
    };
    let (status, reply, never) = {
        let mut inner = shared.inner.lock().unwrap();
        let told = if inner.down { Some(Answer::Say(503, json!({}))) } else { None };
        match told.or_else(|| inner.answers.get_mut(what).and_then(VecDeque::pop_front)) {
            Some(Answer::Say(status, reply)) => (status, reply.to_string().into_bytes(), false),
            Some(Answer::Raw(bytes)) => (200, bytes, false),
            Some(Answer::DoneBut(status)) => {
                inner.right(&call, &head.headers);
                (status, Vec::new(), false)
            }
            Some(Answer::Never) => (0, Vec::new(), true),
            None => {
                let (status, reply) = inner.right(&call, &head.headers);
                let file = inner.input(&call).filter(|_| FILES.contains(&what) && status == 200);
                let file = file.map(|file| part(file, &call.range));
                (status, file.unwrap_or_else(|| reply.to_string().into_bytes()), false)
            }
        }
    };
    call.status = status;
    // An empty queue is asked all the time; nothing to wait for.
    if reply != EMPTY.as_bytes() {
        let _ = shared.calls.send(call);
    }
    if never {
        std::future::pending::<()>().await;
    }
    (StatusCode::from_u16(status).unwrap(), reply)
}

fn name(method: &str, path: &str) -> Option<&'static str> {
    let [heartbeat, trainer] = [SERVER, TRAINER].map(|server| format!("/api/servers/{server}/heartbeat"));
    let queue = |path: &str| path.strip_prefix("/client/v4/accounts/local/queues/").map(str::to_owned);
    Some(match (method, path) {
        ("POST", "/api/servers/register") => "register",
        ("POST", path) if path == heartbeat => "heartbeat",
        ("POST", path) if path == trainer => "trainer-heartbeat",
        ("POST", path) if queue(path).as_deref() == Some("inference/messages/pull") => "pull",
        ("POST", path) if queue(path).as_deref() == Some("inference/messages/ack") => "ack",
        ("POST", path) if queue(path).as_deref() == Some("training/messages/pull") => "pull-training",
        ("POST", path) if queue(path).as_deref() == Some("training/messages/ack") => "ack-training",
        ("POST", "/callbacks/upload") => "upload",
        ("POST", "/callbacks/complete") => "complete",
        ("POST", "/callbacks/state") => "state",
        ("POST", "/callbacks/trained") => "trained",
        ("GET", path) if path.starts_with("/callbacks/state/") => "kept-state",
        ("GET", path) if path.starts_with("/callbacks/dataset/") && path.matches('/').count() == 5 => "image",
        ("GET", path) if path.starts_with("/callbacks/dataset/") => "dataset",
        ("PUT", path) if path.starts_with("/callbacks/part/") => "part",
        ("POST", "/callbacks/claim") => "claim",
        ("POST", "/callbacks/progress") => "progress",
        ("POST", "/callbacks/succeeded") => "succeeded",
        ("POST", "/callbacks/failed") => "failed",
        ("GET", path) if path.starts_with("/callbacks/in/") => "input",
        ("GET", path) if path.starts_with("/callbacks/lora/") => "lora",
        ("GET", path) if path.starts_with("/callbacks/model/") => "model",
        ("PUT", path) if path.starts_with("/callbacks/out/") => "put",
        _ => return None,
    })
}

/// What a range names, both ends being in it.
fn part(file: Vec<u8>, range: &str) -> Vec<u8> {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else { return file };
    file[first.parse().unwrap()..=last.parse().unwrap()].to_vec()
}

fn stale() -> (u16, Value) {
    (409, json!({"error": {"code": "stale_lease", "message": "…", "param": null}}))
}

impl Inner {
    /// What the contract says.
    fn right(&mut self, call: &Call, headers: &HeaderMap) -> (u16, Value) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let bearer = text("authorization").strip_prefix("Bearer ").unwrap_or("");
        let known = match call.what {
            "register" => bearer == REGISTRATION,
            "heartbeat" => bearer == self.token(SERVER),
            "trainer-heartbeat" => bearer == self.token(TRAINER),
            "pull" | "ack" | "pull-training" | "ack-training" => bearer == QUEUE,
            _ => {
                let time: i64 = text("webhook-timestamp").parse().unwrap_or(0);
                parse_runner_id(text(RUNNER_HEADER)).is_some_and(|(server, epoch)| {
                    self.epochs.get(&server) == Some(&epoch)
                        && self.secret(server).verify(&call.id, time, &call.body, text("webhook-signature"))
                })
            }
        };
        if !known {
            return (401, json!({}));
        }
        let body = &call.json;
        match call.what {
            "register" => {
                let server = if body["type"] == "training" { TRAINER } else { SERVER };
                let epoch = self.epochs.entry(server).or_default();
                *epoch += 1;
                let (id, token) = (runner_id(server, *epoch), self.token(server));
                (201, json!({"id": server, "runner_id": id, "token": token, "secret": self.secret(server).text()}))
            }
            "pull" | "pull-training" => {
                let training = call.what == "pull-training";
                let messages = if training { &mut self.training_messages } else { &mut self.messages };
                let next = messages.pop_front();
                let next = next
                    .map(|(lease_id, body)| json!({"id": lease_id, "lease_id": lease_id, "body": body, "attempts": 1}));
                let messages: Vec<Value> = next.into_iter().collect();
                (200, json!({"success": true, "result": {"messages": messages}}))
            }
            "claim" => {
                let asked = body["task_id"].as_i64().unwrap_or(0);
                self.claim(self.turns.get(&asked).copied().unwrap_or(asked))
            }
            "dataset" => {
                let (task, held) = self.of_path(call, text(LEASE_HEADER));
                match (call.id == format!("get_{}", call.key), held) {
                    (false, _) => (401, json!({})),
                    (true, false) => stale(),
                    (true, true) => (200, self.trainings.page(task, &call.query)),
                }
            }
            "upload" | "complete" | "part" => {
                let lease = body["lease"].as_str().unwrap_or(text(LEASE_HEADER)).to_owned();
                match self.trainings.upload(call) {
                    Ok((task, reply)) if self.tasks[&task].lease == Some(lease) => (200, reply),
                    Ok(_) => stale(),
                    Err(409) => (409, json!({"error": {"code": "upload_incomplete"}})),
                    Err(status) => (status, json!({})),
                }
            }
            what if FILES.contains(&what) => {
                let held = |task: &Task| task.lease.as_deref() == Some(text(LEASE_HEADER));
                match (call.id == format!("get_{}", call.key) && call.body.is_empty(), self.input(call)) {
                    (false, _) => (401, json!({})),
                    (true, None) => (404, json!({})),
                    (true, Some(_)) if self.tasks.values().any(held) => (200, json!({})),
                    (true, Some(_)) => stale(),
                }
            }
            "put" => {
                let mut parts = call.key.split('/').skip(1).map(|part| part.parse().unwrap_or(0));
                let (task, attempt) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
                let held = self.tasks.get(&task).is_some_and(|t| t.lease.as_deref() == Some(text(LEASE_HEADER)));
                let sound = is_output_key(&call.key, task, attempt) && call.id == format!("put_{}", call.key);
                match (sound, held) {
                    (false, _) => (400, json!({})),
                    (true, false) => stale(),
                    (true, true) => {
                        self.trainings.objects.insert(call.key.clone(), call.body.to_vec());
                        (200, json!({}))
                    }
                }
            }
            "progress" | "succeeded" | "failed" | "state" | "trained" => self.held(call),
            _ => (200, json!({})),
        }
    }

    fn input(&self, call: &Call) -> Option<Vec<u8>> {
        type Path = fn(Id, i64, usize) -> String;
        let find = |files: &HashMap<(Id, usize), Vec<u8>>, path: Path| {
            let asked = |task: Id, index: usize| path(task, self.tasks[&task].attempt, index) == call.key;
            files.iter().find(|((task, index), _)| asked(*task, *index)).map(|(_, file)| file.clone())
        };
        let model = || {
            let asked = |task: Id| model_path(task, self.tasks[&task].attempt) == call.key;
            self.models.iter().find(|(task, _)| asked(**task)).map(|(_, file)| file.clone())
        };
        let (task, _) = self.of_path(call, "");
        let training = || self.trainings.file(call, task);
        find(&self.inputs, input_path).or_else(|| find(&self.loras, lora_path)).or_else(model).or_else(training)
    }

    /// The task of `…/{task}/{attempt}…`, and whether this lease of this attempt holds it.
    fn of_path(&self, call: &Call, lease: &str) -> (Id, bool) {
        let mut parts = call.key.split('/').skip(1).map(|part| part.parse().unwrap_or(0));
        let (task, attempt) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let held = |of: &Task| of.attempt == attempt && of.lease.as_deref() == Some(lease);
        (task, self.tasks.get(&task).is_some_and(held))
    }

    fn claim(&mut self, id: Id) -> (u16, Value) {
        let lease_ms = self.lease_ms;
        let Some(task) = self.tasks.get_mut(&id) else { return (404, json!({})) };
        if !task.waiting {
            return stale();
        }
        (task.waiting, task.attempt, task.last_seq) = (false, task.attempt + 1, 0);
        let lease = format!("{:016x}{id:016x}", task.attempt - 1);
        task.lease = Some(lease.clone());
        let state = self.trainings.states.get(&id).map(|(_, state)| state.clone());
        (200, json!(Claim { task_id: id, attempt: task.attempt, lease, lease_ms, work: task.work.clone(), state }))
    }

    fn held(&mut self, call: &Call) -> (u16, Value) {
        let body = &call.json;
        let (id, attempt, seq) = (&body["task_id"], &body["attempt"], body["seq"].as_i64().unwrap_or(0));
        assert_eq!(call.id, format!("cb_{id}_{attempt}_{seq}"));
        let Some(task) = self.tasks.get_mut(&id.as_i64().unwrap_or(0)) else { return (404, json!({})) };
        if task.lease.as_deref() != body["lease"].as_str() || seq <= task.last_seq {
            return stale();
        }
        task.last_seq = seq;
        if matches!(call.what, "state" | "trained")
            && let Err(status) = self.trainings.report(call)
        {
            return (status, json!({}));
        }
        if !matches!(call.what, "progress" | "state") {
            task.lease = None;
        }
        (200, json!({"cancel": self.cancel}))
    }

    fn token(&self, server: Id) -> String {
        format!("token-{server}-{}", self.epochs[&server])
    }

    fn secret(&self, server: Id) -> Secret {
        derive(b"test", &format!("{server}.{}", self.epochs[&server]))
    }
}

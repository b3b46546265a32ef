//! What stands between runners and the edge and does to callbacks what networks do: some arrive twice, some not at all,
//! some without an answer, some late, behind those sent after them. What becomes of a callback follows from the seed
//! and its id, so the same one meets the same fate in every run. It also keeps what only somebody in between can see:
//! which attempts were handed out, and which results were acknowledged.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::Id;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use protocol::runner::{Claim, LeaseRef, PART_BYTES, Succeeded, Trained};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A part of an upload is the largest body.
const LIMIT: usize = PART_BYTES as usize;
/// Longer than any call of a healthy edge takes.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Passed,
    /// It arrives, and then once more.
    Doubled,
    /// It never arrives.
    Lost,
    /// It arrives, and its answer does not.
    Unanswered,
    /// It is lost to the runner, and arrives when others have.
    Late,
}

/// In a hundred callbacks.
const DOUBLED: u64 = 20;
const LOST: u64 = 4;
const UNANSWERED: u64 = 3;
const LATE: u64 = 3;

#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub fates: BTreeMap<Fate, u32>,
    /// The attempt each claim was given.
    pub given: BTreeMap<String, (Id, i64)>,
    /// The lease under which each attempt was handed out.
    pub claims: BTreeMap<(Id, i64), String>,
    /// The attempts whose results were acknowledged.
    pub won: BTreeMap<Id, i64>,
    /// What must never be.
    pub wrong: Vec<String>,
}

pub struct Proxy {
    pub url: String,
    between: Arc<Between>,
    listening: JoinHandle<()>,
}

struct Between {
    edge: String,
    client: reqwest::Client,
    seed: u64,
    /// How often each callback came.
    times: Mutex<BTreeMap<String, u64>>,
    seen: Mutex<Seen>,
}

/// A request, read.
#[derive(Clone)]
struct Sent {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Sent {
    fn id(&self) -> String {
        self.headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
    }
}

type Answer = Response<Full<Bytes>>;

impl Proxy {
    /// In front of an edge that may come and go at this address.
    pub async fn start(edge: &str, seed: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("an HTTP client");
        let between =
            Arc::new(Between { edge: edge.to_owned(), client, seed, times: Mutex::default(), seen: Mutex::default() });
        let listening = tokio::spawn(listen(listener, between.clone()));
        Proxy { url, between, listening }
    }

    pub fn seen(&self) -> Seen {
        lock(&self.between.seen).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, between: Arc<Between>) {
    while let Ok((stream, _)) = listener.accept().await {
        let between = between.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| between.clone().pass(request));
            // An error is a connection that was cut, by us or by a runner that was killed.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Between {
    /// An error cuts the connection without an answer.
    async fn pass(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Answer> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, LIMIT).collect().await.map_err(io::Error::other)?.to_bytes();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let sent = Sent { method: head.method, path, headers: head.headers, body };
        if !sent.path.starts_with("/callbacks/") {
            return self.forward(&sent).await;
        }
        let (fate, mut rng) = self.fate(&sent);
        *lock(&self.seen).fates.entry(fate).or_default() += 1;
        let cut = || Err(io::Error::other("cut"));
        match fate {
            Fate::Passed => self.forward(&sent).await,
            Fate::Doubled => {
                let answer = self.forward(&sent).await;
                self.later(sent, Duration::from_millis(rng.u64(0..300)));
                answer
            }
            Fate::Lost => cut(),
            Fate::Unanswered => {
                let _ = self.forward(&sent).await;
                cut()
            }
            Fate::Late => {
                self.later(sent, Duration::from_millis(rng.u64(100..2000)));
                cut()
            }
        }
    }

    fn later(self: &Arc<Self>, sent: Sent, delay: Duration) {
        let between = self.clone();
        tokio::spawn(async move {
            sleep(delay).await;
            let _ = between.forward(&sent).await;
        });
    }

    fn fate(&self, sent: &Sent) -> (Fate, fastrand::Rng) {
        let id = sent.id();
        let time = {
            let mut times = lock(&self.times);
            let time = times.entry(id.clone()).or_default();
            *time += 1;
            *time
        };
        let mut hash = DefaultHasher::new();
        (self.seed, id, time).hash(&mut hash);
        let mut rng = fastrand::Rng::with_seed(hash.finish());
        let mut roll = rng.u64(0..100);
        for (fate, share) in
            [(Fate::Doubled, DOUBLED), (Fate::Lost, LOST), (Fate::Unanswered, UNANSWERED), (Fate::Late, LATE)]
        {
            if roll < share {
                return (fate, rng);
            }
            roll -= share;
        }
        (Fate::Passed, rng)
    }

    async fn forward(&self, sent: &Sent) -> io::Result<Answer> {
        let mut headers = sent.headers.clone();
        for own in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(own);
        }
        let request = self.client.request(sent.method.clone(), format!("{}{}", self.edge, sent.path));
        let answer = request.headers(headers).body(sent.body.clone()).send().await.map_err(io::Error::other)?;
        let (status, kind) = (answer.status(), answer.headers().get("content-type").cloned());
        let body = answer.bytes().await.map_err(io::Error::other)?;
        if status.is_success() {
            self.note(sent, &body);
        }
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        if let Some(kind) = kind {
            response.headers_mut().insert("content-type", kind);
        }
        Ok(response)
    }

    fn note(&self, sent: &Sent, answer: &[u8]) {
        let mut seen = lock(&self.seen);
        if sent.path == "/callbacks/claim"
            && let Ok(claim) = serde_json::from_slice::<Claim>(answer)
        {
            let attempt = (claim.task_id, claim.attempt);
            if let Some(other) = seen.given.insert(sent.id(), attempt) {
                seen.wrong.push(format!("one claim was given {other:?} and {attempt:?}"));
            }
            if let Some(other) = seen.claims.insert(attempt, claim.lease.clone()).filter(|other| *other != claim.lease)
            {
                seen.wrong.push(format!("attempt {attempt:?} was handed out under {other} and {}", claim.lease));
            }
        }
        let lease = match sent.path.as_str() {
            "/callbacks/succeeded" => serde_json::from_slice::<Succeeded>(&sent.body).ok().map(|report| report.lease),
            "/callbacks/trained" => serde_json::from_slice::<Trained>(&sent.body).ok().map(|report| report.lease),
            _ => None,
        };
        if let Some(LeaseRef { task_id: task, attempt, .. }) = lease
            && let Some(other) = seen.won.insert(task, attempt)
        {
            seen.wrong.push(format!("results of task {task} were taken from attempts {other} and {attempt}"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

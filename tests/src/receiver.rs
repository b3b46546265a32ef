//! An HTTP server outside the platform: it receives webhooks, serves images and keeps the requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::wait::until;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

type Log = Arc<Mutex<Vec<Received>>>;

/// The status of a request that is never answered.
pub const SILENCE: u16 = 0;

/// Ends when dropped.
pub struct Receiver {
    pub port: u16,
    log: Log,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Answers each request with status, one header and body, as `answer` says.
    pub async fn start<F>(answer: F) -> Receiver
    where
        F: Fn(&Received) -> (u16, (&'static str, String), Vec<u8>) + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (log, answer) = (Log::default(), Arc::new(answer));
        let heard = log.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heard, answer) = (heard.clone(), answer.clone());
                tokio::spawn(async move { serve(stream, &heard, &*answer).await });
            }
        });
        Receiver { port, log, server }
    }

    /// The origin of a port where nothing listens.
    pub async fn closed() -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        format!("http://{}", listener.local_addr().expect("an address"))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The setting that lets the edge call it.
    pub fn allowed(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The next request of this kind that comes, or has come and was not asked for yet.
    pub async fn next(&self, what: &str, kind: impl Fn(&Received) -> bool) -> Received {
        until(what, async || {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.iter().position(&kind).map(|at| log.remove(at))
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves one connection until either side closes it.
async fn serve<F>(stream: TcpStream, log: &Log, answer: &F)
where
    F: Fn(&Received) -> (u16, (&'static str, String), Vec<u8>),
{
    let respond = service_fn(async |request: Request<Incoming>| {
        let received = read(request).await?;
        let (status, (name, value), body) = answer(&received);
        if status == SILENCE {
            std::future::pending::<()>().await;
        }
        log.lock().unwrap_or_else(PoisonError::into_inner).push(received);
        let response = Response::builder().status(status).header(name, value);
        Ok::<_, hyper::Error>(response.body(Full::new(Bytes::from(body))).expect("a response"))
    });
    // A client that hangs up early has had what it wanted.
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), respond).await;
}

async fn read(request: Request<Incoming>) -> Result<Received, hyper::Error> {
    let (head, body) = request.into_parts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    Ok(Received { path, headers, body: text(&body.collect().await?.to_bytes()) })
}

/// The server that the checks of `ports::conformance::fetch` need.
pub async fn fetch_server() -> Receiver {
    Receiver::start(|request| {
        let header = |name, value: &str| (name, value.to_string());
        match request.path.as_str() {
            "/echo" => {
                let sent = request.headers.get("x-sent").cloned().unwrap_or_default();
                (201, ("x-received", sent), request.body.clone().into_bytes())
            }
            "/redirect" => (302, header("location", "/echo"), Vec::new()),
            "/long" => (200, header("x-length", "100000"), vec![b'x'; 100_000]),
            "/silent" => (SILENCE, header("x", ""), Vec::new()),
            _ => (404, header("x", ""), Vec::new()),
        }
    })
    .await
}

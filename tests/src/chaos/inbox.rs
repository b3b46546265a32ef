//! Where users have their webhooks sent: it keeps what came under each id, and is not always well itself.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One in so many deliveries is refused.
const REFUSED: u32 = 10;

/// Bodies by id.
pub type Received = BTreeMap<String, BTreeSet<Bytes>>;

pub struct Inbox {
    /// `host:port`
    pub address: String,
    kept: Arc<Mutex<(Received, fastrand::Rng)>>,
    listening: JoinHandle<()>,
}

impl Inbox {
    pub async fn start(seed: u64) -> Inbox {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it has an address").to_string();
        let kept = Arc::new(Mutex::new((Received::new(), fastrand::Rng::with_seed(seed))));
        let listening = tokio::spawn(listen(listener, kept.clone()));
        Inbox { address, kept, listening }
    }

    pub fn received(&self) -> Received {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, kept: Arc<Mutex<(Received, fastrand::Rng)>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let kept = kept.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let kept = kept.clone();
                async move {
                    let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
                    let body = request.into_body().collect().await.map(|body| body.to_bytes());
                    let mut response = Response::new(Empty::<Bytes>::new());
                    if let (Some(id), Ok(body)) = (id, body) {
                        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                        kept.0.entry(id).or_default().insert(body);
                        if kept.1.u32(0..REFUSED) == 0 {
                            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                        }
                    }
                    Ok::<_, Infallible>(response)
                }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

//! A little HTTP server outside the platform: it receives webhooks and serves pictures, and remembers what came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

/// One request a connection.
async fn serve<F>(mut stream: TcpStream, log: &Log, answer: &F)
where
    F: Fn(&Received) -> (u16, (&'static str, String), Vec<u8>),
{
    let Some(received) = read(&mut stream).await else { return };
    let (status, (name, value), body) = answer(&received);
    log.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    let head = format!(
        "HTTP/1.1 {status} x\r\n{name}: {value}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // Whoever hangs up early has had what it wanted.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes.get(..end)?.to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: BTreeMap<String, String> = lines.filter_map(pair).collect();
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received { path, headers, body: String::from_utf8(body).ok()? })
}

//! A WebSocket that watches an object.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::{Account, Edge};
use crate::wait::PATIENCE;

pub struct Watch {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    path: String,
    /// The last frame that came, for when no other does.
    last: Value,
}

impl Watch {
    /// Opens a socket at a path of the edge, with a token if there is one.
    pub async fn open(edge: &Edge, path: &str, token: Option<&str>) -> Watch {
        Watch::open_with(edge, path, token, &[]).await
    }

    pub async fn open_with(
        edge: &Edge,
        path: &str,
        token: Option<&str>,
        headers: &[(&'static str, &'static str)],
    ) -> Watch {
        let address = format!("{}{path}", edge.url.replacen("http", "ws", 1));
        let mut request = address.into_client_request().expect("an address");
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a header");
            request.headers_mut().insert("authorization", value);
        }
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let opened = timeout(PATIENCE, connect_async(request)).await.expect("the edge answers");
        let (mut socket, _) = opened.expect("the edge takes the socket");
        // As a page does: workerd may keep a connection open after its close on which nothing was ever sent.
        let _ = socket.send(Message::Text("ping".into())).await;
        Watch { socket, path: path.to_owned(), last: Value::Null }
    }

    /// Watches an object on behalf of an account.
    pub async fn of(account: &Account, path: &str) -> Watch {
        Watch::open(&account.edge, path, Some(account.token())).await
    }

    /// The next frame, or the code the socket was closed with.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let Ok(message) = timeout(PATIENCE, self.socket.next()).await else {
                panic!("{}: no frame and no end after {}", self.path, self.last);
            };
            match message {
                Some(Ok(Message::Text(text))) => {
                    if text.as_str() != "pong" {
                        self.last = serde_json::from_str(&text).expect("a frame is JSON");
                        return Ok(self.last.clone());
                    }
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Frames until one fits; it, and those before.
    pub async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> (Value, Vec<Value>) {
        let mut before = Vec::new();
        loop {
            match self.next().await {
                Ok(frame) if fits(&frame) => return (frame, before),
                Ok(frame) => before.push(frame),
                Err(code) => panic!("closed with {code} after {before:?}"),
            }
        }
    }

    /// All frames that are left, and the code of the close.
    pub async fn rest(mut self) -> (Vec<Value>, u16) {
        let mut frames = Vec::new();
        loop {
            match self.next().await {
                Ok(frame) => frames.push(frame),
                Err(code) => return (frames, code),
            }
        }
    }
}

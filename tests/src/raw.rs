//! A request whose answer is read although the edge hung up on its body, as it may when it has seen enough of one. The
//! usual clients report only the hang-up.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Edge;
use crate::wait::PATIENCE;

/// Sends a JSON body of any size; the status and the body of the answer.
pub async fn send_anyway(edge: &Edge, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    let host = edge.url.trim_start_matches("http://");
    let stream = TcpStream::connect(host).await.expect("the edge listens");
    let (mut reader, mut writer) = stream.into_split();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let write = async {
        // A hang-up ends the writing, not the reading.
        if writer.write_all(head.as_bytes()).await.is_ok() {
            let _ = writer.write_all(body.as_bytes()).await;
        }
        // Kept until the answer is here: closing this half would be a hang-up of ours.
        writer
    };
    let mut answer = Vec::new();
    let read = async {
        // The reset after the answer is an error to the reader; what came before it is not lost.
        let _ = reader.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, async { tokio::join!(write, read) }).await.expect("the edge answers in time");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status.unwrap_or_else(|| panic!("{method} {path}: no answer: {text}")), body)
}

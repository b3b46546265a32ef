//! Server-sent events (WHATWG HTML §9.2): as much of the format as the edge uses.

use serde_json::Value;
use tokio::time::timeout;

use crate::client::Call;
use crate::wait::PATIENCE;

pub struct Stream {
    response: reqwest::Response,
    /// What has come of the next event.
    buffer: String,
}

impl Stream {
    /// Opens an event stream. The call must be one that the edge answers with a stream.
    pub async fn open(call: Call) -> Stream {
        let response = call.header("accept", "text/event-stream").open().await;
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), kind.split(';').next()), (200, Some("text/event-stream")));
        Stream { response, buffer: String::new() }
    }

    /// The next event: its id and data. None at the end of the stream.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(block);
                self.buffer = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("an event or the end comes in time");
            let chunk = chunk.expect("the stream holds")?;
            self.buffer.push_str(&String::from_utf8_lossy(&chunk).replace("\r\n", "\n"));
        }
    }

    pub async fn rest(mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// None for comments and events without data.
fn parse(block: &str) -> Option<(String, Value)> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let data = field("data")?;
    Some((field("id").unwrap_or_default().to_owned(), serde_json::from_str(data).expect("data is JSON")))
}

//! Server-sent events. A stream lives as long as its response and is lost with the object; clients come back with
//! `Last-Event-ID`.

use std::pin::pin;
use std::time::Duration;

use domain::room::{Audience, Event, HISTORY};
use futures_channel::mpsc::{Receiver, Sender, channel};
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt, stream};
use worker::{Delay, Response, ResponseBuilder, Result};

use crate::delivery::{Delivery, delivery, server_sent};

/// Time between comments on a silent stream: proxies end connections without traffic.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The open event streams of a room.
#[derive(Default)]
pub struct Streams(Vec<Listener>);

struct Listener {
    audience: Audience,
    rendering: String,
    /// `seq` of the newest state it was sent.
    seen: i64,
    frames: Sender<String>,
}

impl Streams {
    /// Opens a stream that begins with `first`. A stream that only ends is a 204, which tells an `EventSource` not to
    /// come back.
    pub fn open(&mut self, audience: Audience, rendering: &str, first: &[Delivery], seen: i64) -> Result<Response> {
        if matches!(first, [Delivery { text: None, .. }]) {
            return Ok(ResponseBuilder::new()
                .with_status(204)
                .with_header("access-control-allow-origin", "*")?
                .empty());
        }
        let (frames, received) = channel(2 * HISTORY);
        let mut listener = Listener { audience, rendering: rendering.to_string(), seen, frames };
        if first.iter().all(|message| listener.send(message)) {
            self.0.push(listener);
        }
        ResponseBuilder::new()
            .with_header("content-type", "text/event-stream")?
            .with_header("cache-control", "no-store")?
            .with_header("access-control-allow-origin", "*")?
            .from_stream(body(received).map(Ok::<_, worker::Error>))
    }

    /// Sends an event to every stream of this audience that has not seen as much.
    pub fn broadcast(&mut self, event: &Event, audience: Audience) {
        self.0.retain_mut(|listener| {
            if listener.audience != audience || listener.seen >= event.seq {
                return true;
            }
            listener.seen = event.seq;
            delivery(event, audience, &listener.rendering).is_none_or(|message| listener.send(&message))
        });
    }

    /// True when a stream is open.
    pub fn any(&mut self) -> bool {
        self.0.retain(|listener| !listener.frames.is_closed());
        !self.0.is_empty()
    }
}

impl Listener {
    /// Sends a message. Returns false when the stream has ended: closed, left, or read too slowly.
    fn send(&mut self, message: &Delivery) -> bool {
        let sent = server_sent(message).is_none_or(|text| self.frames.try_send(text).is_ok());
        sent && message.close.is_none()
    }
}

/// The bytes of a stream: its frames, and a comment whenever it was silent for `HEARTBEAT`.
fn body(frames: Receiver<String>) -> impl Stream<Item = Vec<u8>> {
    stream::unfold(frames, |mut frames| async {
        let next = match select(frames.next(), pin!(Delay::from(HEARTBEAT))).await {
            Either::Left((frame, _)) => frame?,
            Either::Right(_) => ":\n\n".to_string(),
        };
        Some((next.into_bytes(), frames))
    })
}

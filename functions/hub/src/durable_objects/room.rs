//! The Durable Object of one watched object, named after it: `tasks/12`.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::room::{Audience, Event, Join, Room, close};
use edge::engines::ALL;
use edge::worker::{JOIN_HEADER, runtime};
use store::Tx;
use worker::{
    Date, DurableObject, Env, Method, Request, Response, Result, State, WebSocket, WebSocketIncomingMessage,
    durable_object,
};

use super::Detached;
use super::history::History;
use super::sockets;
use super::streams::Streams;
use crate::alarm::{LINGER_MS, Step, step};
use crate::delivery::{Delivery, served_rendering, welcome};
use crate::source::Source;

/// The most bytes of a client's message. Messages are ignored; a longer one ends the socket.
const MESSAGE_BYTES: usize = 4096;
/// RFC 6455 §7.4.1
const POLICY_VIOLATION: u16 = 1008;

/// One room.
#[durable_object]
pub struct HubRoom {
    state: State,
    env: Env,
    /// None until it is needed: a refused watcher stores nothing.
    room: RefCell<Option<Room>>,
    streams: RefCell<Streams>,
    /// Time of the last event, or of the last reading, in milliseconds since 1970.
    last_activity: Cell<i64>,
    /// Time of the alarm; None when it is not known.
    alarm: Cell<Option<i64>>,
}

impl DurableObject for HubRoom {
    fn new(state: State, env: Env) -> HubRoom {
        sockets::answer_pings(&state);
        HubRoom {
            state,
            env,
            room: RefCell::default(),
            streams: RefCell::default(),
            last_activity: Cell::new(0),
            alarm: Cell::new(None),
        }
    }

    /// Takes an `Event` by POST, or a `Join` by GET. Only the edge sends them.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        if request.method() == Method::Post {
            let Ok(event) = serde_json::from_str(&request.text().await?) else {
                return Response::error("not an event", 400);
            };
            self.publish(event)?;
            self.arm(LINGER_MS).await?;
            return Response::empty();
        }
        let header = request.headers().get(JOIN_HEADER)?.unwrap_or_default();
        let join = STANDARD.decode(header).ok().and_then(|json| serde_json::from_slice::<Join>(&json).ok());
        match join {
            Some(Join { admit: Err(code), .. }) => {
                sockets::send_off(&[Delivery { seq: 0, text: None, close: Some(code) }])
            }
            Some(Join { admit: Ok((audience, snapshot)), rendering, since, event_stream }) => {
                let response = self.admit(audience, &snapshot, &rendering, since, event_stream)?;
                self.arm(self.source().map_or(LINGER_MS, Source::reread_ms)).await?;
                Ok(response)
            }
            None => Response::error("not a join", 400),
        }
    }

    async fn alarm(&self) -> Result<Response> {
        self.alarm.set(None);
        self.load()?;
        let watched = sockets::any(&self.state) || self.streams.borrow_mut().any();
        let ended = self.room.borrow().as_ref().is_some_and(Room::ended);
        let source = self.source();
        match step(watched, ended, source, now() - self.last_activity.get()) {
            Step::Wait(milliseconds) => self.arm(milliseconds).await?,
            Step::Rest => {}
            Step::Delete => {
                self.room.take();
                self.state.storage().delete_all().await?;
            }
            Step::Reread => {
                self.last_activity.set(now());
                if let Some(source) = source {
                    self.arm(source.reread_ms()).await?;
                    match self.read(source).await {
                        Ok(events) => events.into_iter().try_for_each(|event| self.publish(event))?,
                        Err(error) => log::warn!("{source:?} cannot be read again: {error}"),
                    }
                }
            }
        }
        Response::empty()
    }

    async fn websocket_message(&self, socket: WebSocket, message: WebSocketIncomingMessage) -> Result<()> {
        let length = match message {
            WebSocketIncomingMessage::String(text) => text.len(),
            WebSocketIncomingMessage::Binary(bytes) => bytes.len(),
        };
        if length > MESSAGE_BYTES {
            sockets::end(&socket, POLICY_VIOLATION);
        }
        Ok(())
    }

    async fn websocket_close(&self, socket: WebSocket, _: usize, _: String, _: bool) -> Result<()> {
        // Answers the client's close, which the platform does not.
        sockets::end(&socket, close::DONE);
        self.left().await
    }

    async fn websocket_error(&self, _: WebSocket, _: worker::Error) -> Result<()> {
        self.left().await
    }
}

impl HubRoom {
    /// Takes an event in, stores it, and sends it to the watchers. It must not await: events would change their order.
    fn publish(&self, event: Event) -> Result<()> {
        self.load()?;
        if !self.room.borrow_mut().as_mut().is_some_and(|room| room.publish(event.clone())) {
            return Ok(());
        }
        self.last_activity.set(now());
        History::of(&self.state).store(&event, now())?;
        for audience in [Audience::Public, Audience::Owner] {
            sockets::broadcast(&self.state, &event, audience);
            self.streams.borrow_mut().broadcast(&event, audience);
        }
        Ok(())
    }

    /// Admits a watcher, whose snapshot may be newer than the room's last event.
    fn admit(
        &self,
        audience: Audience,
        snapshot: &Event,
        rendering: &str,
        since: Option<i64>,
        event_stream: bool,
    ) -> Result<Response> {
        self.load()?;
        let rendering = served_rendering(rendering, audience, snapshot);
        let (first, known) = match self.room.borrow().as_ref() {
            Some(room) => (welcome(room, audience, snapshot, since, rendering), room.last_seq()),
            None => return Response::error("no room", 500),
        };
        if snapshot.seq > known {
            // Its event is late, or lost. The snapshot has the frame of this audience alone, so only they get it.
            sockets::broadcast_ahead(&self.state, snapshot, audience);
            self.streams.borrow_mut().broadcast(snapshot, audience);
        }
        let seen = snapshot.seq.max(known);
        if event_stream {
            self.streams.borrow_mut().open(audience, rendering, &first, seen)
        } else {
            sockets::admit(&self.state, audience, rendering, &first, seen)
        }
    }

    /// Loads the room from its history.
    fn load(&self) -> Result<()> {
        if self.room.borrow().is_none() {
            let (room, last) = History::of(&self.state).load()?;
            self.last_activity.set(last.max(self.last_activity.get()));
            self.room.replace(Some(room));
        }
        Ok(())
    }

    /// The rows of this room, if they can be read again.
    fn source(&self) -> Option<Source> {
        self.state.id().name().as_deref().and_then(Source::of)
    }

    /// Reads the rows again. Returns their events.
    async fn read(&self, source: Source) -> std::result::Result<Vec<Event>, domain::Error> {
        let runtime = runtime::<ALL>(&self.env, Arc::new(Detached));
        let mut tx = Tx::system(&runtime);
        let rows = source.query(&mut tx);
        let outcome = tx.run().await?;
        Ok(source.events(outcome.rows(rows), runtime.now))
    }

    /// Sets the alarm after a watcher has left: without any other, the room will be deleted.
    async fn left(&self) -> Result<()> {
        self.arm(LINGER_MS).await
    }

    /// Sets the alarm to this many milliseconds from now, unless it comes sooner.
    async fn arm(&self, milliseconds: i64) -> Result<()> {
        let (storage, wanted) = (self.state.storage(), now() + milliseconds);
        let set = match self.alarm.get() {
            Some(at) => Some(at),
            None => storage.get_alarm().await?,
        };
        if set.is_some_and(|at| at <= wanted) {
            self.alarm.set(set);
            return Ok(());
        }
        self.alarm.set(Some(wanted));
        storage.set_alarm(milliseconds).await
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX)
}

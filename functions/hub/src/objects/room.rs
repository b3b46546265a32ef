//! The Durable Object of one watched object, named after it: `tasks/12`.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Error as Refusal;
use domain::messages::INTERNAL;
use domain::room::{Audience, Event, Join, Room, close};
use edge::worker::{JOIN_HEADER, context_of};
use store::{Batch, Scope};
use worker::{
    Date, DurableObject, Env, Method, Request, Response, Result, State, WebSocket, WebSocketIncomingMessage,
    durable_object,
};

use super::Detached;
use super::history::History;
use super::sockets;
use super::streams::Streams;
use crate::delivery::{Delivery, welcome};
use crate::duty::{Duty, LINGER_MS, Source, duty};

/// Nothing a client says is listened to; more than this many bytes of it end its socket.
const MESSAGE_BYTES: usize = 4096;
const POLICY_VIOLATION: u16 = 1008;

#[durable_object]
pub struct HubRoom {
    state: State,
    env: Env,
    /// None until it is needed: a refused watcher leaves nothing behind.
    room: RefCell<Option<Room>>,
    streams: RefCell<Streams>,
    /// When the room last took an event or looked for one, in milliseconds since 1970.
    stirred: Cell<i64>,
    /// When the alarm rings; None when that is not known.
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
            stirred: Cell::new(0),
            alarm: Cell::new(None),
        }
    }

    /// From the edge alone: POST an `Event`, or GET with a `Join`.
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
            Some(Join { admit: Ok((audience, snapshot)), profile, since, event_stream }) => {
                let response = self.admit(audience, &snapshot, profile, since, event_stream)?;
                self.arm(self.source().map_or(LINGER_MS, Source::patience_ms)).await?;
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
        match duty(watched, ended, source, now() - self.stirred.get()) {
            Duty::Wait(milliseconds) => self.arm(milliseconds).await?,
            Duty::Rest => {}
            Duty::Forget => {
                self.room.take();
                self.state.storage().delete_all().await?;
            }
            Duty::Reread => {
                self.stirred.set(now());
                if let Some(source) = source {
                    self.arm(source.patience_ms()).await?;
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
        // The answer to a client's close; nobody gives it for us.
        sockets::end(&socket, close::DONE);
        self.left().await
    }

    async fn websocket_error(&self, _: WebSocket, _: worker::Error) -> Result<()> {
        self.left().await
    }
}

impl HubRoom {
    /// Takes an event in, keeps it, and passes it on: the part of the work that nothing may come between.
    fn publish(&self, event: Event) -> Result<()> {
        self.load()?;
        if !self.room.borrow_mut().as_mut().is_some_and(|room| room.publish(event.clone())) {
            return Ok(());
        }
        self.stirred.set(now());
        History::of(&self.state).keep(&event, now())?;
        for audience in [Audience::Public, Audience::Owner] {
            sockets::broadcast(&self.state, &event, audience);
            self.streams.borrow_mut().broadcast(&event, audience);
        }
        Ok(())
    }

    fn admit(
        &self,
        audience: Audience,
        snapshot: &Event,
        profile: domain::Profile,
        since: Option<i64>,
        event_stream: bool,
    ) -> Result<Response> {
        self.load()?;
        let (first, known) = match self.room.borrow().as_ref() {
            Some(room) => (welcome(room, (audience, snapshot), since, profile), room.last_seq()),
            None => return Response::error("no room", 500),
        };
        if snapshot.seq > known {
            // News: the publishing of it is late, or lost. It shows what this audience sees, so only they are told.
            sockets::broadcast_ahead(&self.state, snapshot, audience);
            self.streams.borrow_mut().broadcast(snapshot, audience);
        }
        let seen = snapshot.seq.max(known);
        if event_stream {
            self.streams.borrow_mut().open(audience, profile, &first, seen)
        } else {
            sockets::admit(&self.state, audience, profile, &first, seen)
        }
    }

    fn load(&self) -> Result<()> {
        if self.room.borrow().is_none() {
            let (room, last) = History::of(&self.state).load()?;
            self.stirred.set(last.max(self.stirred.get()));
            self.room.replace(Some(room));
        }
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        self.state.id().name().as_deref().and_then(Source::of)
    }

    async fn read(&self, source: Source) -> std::result::Result<Vec<Event>, Refusal> {
        let cx = context_of(&self.env, Arc::new(Detached));
        let scope = Scope { me: 0, now: cx.now, profile: cx.config.profile };
        let mut batch = Batch::new();
        let rows = batch.push(source.query(scope));
        let outcome = batch.run(&*cx.ports.sql).await.map_err(|error| INTERNAL.error().cause(error))?;
        Ok(source.events(outcome.rows(rows), scope))
    }

    /// A watcher has gone: when it was the last, the room is forgotten after a while.
    async fn left(&self) -> Result<()> {
        self.arm(LINGER_MS).await
    }

    /// Makes sure that the alarm rings within so many milliseconds.
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

fn now() -> i64 {
    i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX)
}

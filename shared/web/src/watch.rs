//! Watching an object: the first frame is its state, then every change (docs/API.md §1). Over a WebSocket, or as
//! server-sent events where a resource offers them.

use std::sync::Arc;

use axum::response::Response;
use domain::messages::{UNAUTHENTICATED, UNAVAILABLE};
use domain::room::{Audience, Event, Join, close};
use domain::{Error, Id, Kind};
use ports::{Runtime, Value};
use store::{Arg, Spec, Tx, args, tickets, watch};

use crate::auth::sha256_hex;
use crate::reply::{Reply, Result};
use crate::request_ctx::{RequestCtx, User};

/// How a watcher is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    WebSocket,
    EventStream,
}

impl RequestCtx {
    /// True when the request asks to become a WebSocket.
    pub fn wants_socket(&self) -> bool {
        self.header("upgrade").eq_ignore_ascii_case("websocket")
    }

    /// Joins the room of an object that the caller may read. The socket of a refused watcher is accepted and closed
    /// with 4401 or 4404, because browsers cannot read the status of a refused upgrade.
    pub async fn watch(&self, spec: &'static Spec, id: Value) -> Result {
        self.watch_where(spec, &format!("{} = :id", spec.key), args! { id }).await
    }

    /// As `watch`, for the object that a condition of ours finds.
    pub async fn watch_where(
        &self,
        spec: &'static Spec,
        condition: &str,
        args: impl IntoIterator<Item = Arg>,
    ) -> Result {
        self.join(spec, condition, args, Transport::WebSocket).await
    }

    /// As `watch`, with server-sent events. Refusals are ordinary errors there.
    pub async fn events(&self, spec: &'static Spec, id: Value) -> Result {
        self.join(spec, &format!("{} = :id", spec.key), args! { id }, Transport::EventStream).await
    }

    async fn join(
        &self,
        spec: &'static Spec,
        condition: &str,
        args: impl IntoIterator<Item = Arg>,
        transport: Transport,
    ) -> Result {
        let since = self.parameter("since").or_else(|| Some(self.header("last-event-id").to_string()));
        let since = since.and_then(|text| text.parse().ok());
        // Without a row, a room of the resource's name only sends the watcher away.
        let mut room = spec.name.to_string();
        let admit = match (self.admit(spec, condition, args).await, transport) {
            (Ok((key, admitted)), _) => {
                room = crate::crud::room(spec, &key);
                Ok(admitted)
            }
            (Err(error), Transport::EventStream) => return Err(error.into()),
            (Err(error), Transport::WebSocket) => match error.kind() {
                Kind::Unauthenticated => Err(close::UNAUTHENTICATED),
                Kind::NotFound | Kind::Forbidden => Err(close::NOT_FOUND),
                _ => return Err(error.into()),
            },
        };
        let event_stream = transport == Transport::EventStream;
        let join = Join { rendering: self.style.rendering.to_string(), since, event_stream, admit };
        let upgraded = self.runtime.hub.watch(&room, &join).await.map_err(|e| UNAVAILABLE.error().cause(e))?;
        let mut response = Response::default();
        response.extensions_mut().insert(Arc::new(upgraded));
        Ok(Reply::Raw(Box::new(response)))
    }

    /// The row's key, the watcher's role and their first frame.
    async fn admit(
        &self,
        spec: &'static Spec,
        condition: &str,
        args: impl IntoIterator<Item = Arg>,
    ) -> std::result::Result<(Value, (Audience, Event)), Error> {
        let caller = match self.parameter("ticket") {
            Some(ticket) => Some(self.redeem_ticket(&ticket).await?),
            None => self.caller()?,
        };
        let mut tx = self.begin(&caller);
        let snapshot = watch::snapshot(spec, tx.scope, condition, args);
        let snapshot = tx.push(snapshot);
        let outcome = tx.run().await?;
        let rows = outcome.rows(snapshot);
        // Engines that know only doubles return an id as one.
        let key = rows.first().and_then(|row| row.int("key").map(Value::Int).or_else(|| row.get("key").cloned()));
        match (watch::admitted(spec, rows), caller) {
            (Ok(admitted), _) => Ok((key.unwrap_or(Value::Null), admitted)),
            // An anonymous caller may see it after logging in.
            (Err(_), None) => Err(UNAUTHENTICATED.error()),
            (Err(error), Some(_)) => Err(error),
        }
    }

    async fn redeem_ticket(&self, ticket: &str) -> std::result::Result<User, Error> {
        let mut tx = self.anonymous();
        let holder = tickets::redeem(&mut tx, &sha256_hex(ticket.as_bytes()));
        let outcome = tx.run().await?;
        let holder = outcome.row(holder).and_then(tickets::holder);
        holder.map(|(id, credential)| User { id, credential }).ok_or_else(|| UNAUTHENTICATED.error())
    }

    /// Publishes a change to a room's watchers, after the reply. A frame that is lost is made good when the room next
    /// reads the row, so a failure is only logged.
    pub fn publish(&self, room: String, event: Event) {
        self.publish_all(vec![(room, event)]);
    }

    /// Publishes rows that a request changed beside its own, after the reply: the choice that lost an image, say. They
    /// are read again then, so `Spec::seq` must have grown. `ids` has at most some hundred.
    pub fn publish_rows<const N: usize>(&self, rows: [(&'static Spec, Vec<Id>); N]) {
        for (spec, ids) in rows.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let runtime = self.runtime.clone();
            self.runtime.background.spawn(Box::pin(async move {
                if let Err(error) = publish_rows(&runtime, spec, &ids).await {
                    log::warn!("Changes of {} {ids:?} were not published: {error}", spec.name);
                }
            }));
        }
    }

    /// Publishes several changes, in this order.
    pub fn publish_all(&self, changes: Vec<(String, Event)>) {
        let hub = self.runtime.hub.clone();
        self.runtime.background.spawn(Box::pin(async move {
            for (room, event) in changes {
                if let Err(error) = hub.publish(&room, &event).await {
                    log::warn!("Change {} of {room} was not published: {error}", event.seq);
                }
            }
        }));
    }
}

async fn publish_rows(runtime: &Runtime, spec: &Spec, ids: &[Id]) -> std::result::Result<(), Error> {
    let mut tx = Tx::system(runtime);
    let condition = format!("{} IN (SELECT value FROM json_each(:ids))", spec.key);
    let query = watch::change_where(spec, tx.scope, &condition, args! { ids: serde_json::json!(ids).to_string() });
    let changes = tx.push(query);
    let outcome = tx.run().await?;
    for (room, event) in watch::events(spec, outcome.rows(changes)) {
        runtime.hub.publish(&room, &event).await.map_err(|error| UNAVAILABLE.error().cause(error))?;
    }
    Ok(())
}

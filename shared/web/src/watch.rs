//! Watching an object: the first frame is its state, then every change (API.md §1). Over a WebSocket, or as
//! server-sent events where a resource offers them.

use std::sync::Arc;

use axum::response::Response;
use domain::Error;
use domain::Kind;
use domain::messages::{UNAUTHENTICATED, UNAVAILABLE};
use domain::room::{Audience, Event, Join, close};
use ports::Value;
use store::{Spec, tickets, watch};

use crate::auth::sha256_hex;
use crate::context::{Caller, Ctx, User};
use crate::reply::{Failure, Reply};

impl Ctx {
    /// The request asks to become a WebSocket.
    pub fn wants_socket(&self) -> bool {
        self.header("upgrade").eq_ignore_ascii_case("websocket")
    }

    /// Joins the room of an object the caller may read. A socket that may not is accepted and closed with 4401 or
    /// 4404, because browsers cannot read the status of a refused upgrade.
    pub async fn watch(&self, spec: &'static Spec, id: Value) -> Result<Reply, Failure> {
        self.join(spec, &format!("{} = ?3", spec.key), id, false).await
    }

    /// The same for an object that the caller knows by another name: `condition` finds the row by `?3`.
    pub async fn watch_where(&self, spec: &'static Spec, condition: &str, name: Value) -> Result<Reply, Failure> {
        self.join(spec, condition, name, false).await
    }

    /// The same as server-sent events; refusals are ordinary errors there.
    pub async fn events(&self, spec: &'static Spec, id: Value) -> Result<Reply, Failure> {
        self.join(spec, &format!("{} = ?3", spec.key), id, true).await
    }

    async fn join(
        &self,
        spec: &'static Spec,
        condition: &str,
        name: Value,
        event_stream: bool,
    ) -> Result<Reply, Failure> {
        // A room of this name only sends away, unless the row says what its own is.
        let mut room = crate::resource::room(spec, &name);
        let since = self.query("since").or_else(|| Some(self.header("last-event-id").to_string()));
        let since = since.and_then(|text| text.parse().ok());
        let admit = match (self.admit(spec, condition, name).await, event_stream) {
            (Ok((key, admitted)), _) => {
                room = crate::resource::room(spec, &key);
                Ok(admitted)
            }
            (Err(error), true) => return Err(error.into()),
            (Err(error), false) => match error.kind() {
                Kind::Unauthenticated => Err(close::UNAUTHENTICATED),
                Kind::NotFound | Kind::Forbidden => Err(close::NOT_FOUND),
                _ => return Err(error.into()),
            },
        };
        let join = Join { profile: self.profile(), since, event_stream, admit };
        let upgraded = self.cx.ports.hub.watch(&room, &join).await.map_err(|e| UNAVAILABLE.error().cause(e.0))?;
        let mut response = Response::default();
        response.extensions_mut().insert(Arc::new(upgraded));
        Ok(Reply::Raw(Box::new(response)))
    }

    /// The row's key, who watches, and what they see first.
    async fn admit(
        &self,
        spec: &'static Spec,
        condition: &str,
        name: Value,
    ) -> Result<(Value, (Audience, Event)), Error> {
        let caller = match self.query("ticket") {
            Some(ticket) => Some(self.redeem(&ticket).await?),
            None => self.caller()?,
        };
        let (scope, mut batch) = self.batch(&caller);
        let snapshot = batch.push(watch::snapshot(spec, scope, condition, [name.clone()]));
        let outcome = batch.run(&*self.cx.ports.sql).await?;
        let rows = outcome.rows(snapshot);
        // Engines that know only doubles give an id as one.
        let key = rows.first().and_then(|row| row.int("key").map(Value::Int).or_else(|| row.get("key").cloned()));
        let admitted = watch::admitted(rows).map(|admitted| (key.unwrap_or(name), admitted));
        // Someone who has not said who they are may have to, to see it.
        if admitted.is_err() && caller.is_none() { Err(UNAUTHENTICATED.error()) } else { admitted }
    }

    async fn redeem(&self, ticket: &str) -> Result<User, Error> {
        let caller: Caller = None;
        let (scope, mut batch) = self.batch(&caller);
        let [held, used] = tickets::redeem(scope, &sha256_hex(ticket.as_bytes()));
        let held = batch.push(held);
        batch.push(used);
        let outcome = batch.run(&*self.cx.ports.sql).await?;
        let holder = outcome.rows(held).first().and_then(tickets::holder);
        holder.map(|(id, credential)| User { id, credential }).ok_or_else(|| UNAUTHENTICATED.error())
    }

    /// Tells the watchers of a room, after the reply. A frame that is lost here is made good when the room next reads
    /// the row, so a failure is only logged.
    pub fn tell(&self, room: String, event: Event) {
        self.tell_all(vec![(room, event)]);
    }

    /// The same for several events, in this order.
    pub fn tell_all(&self, news: Vec<(String, Event)>) {
        let hub = self.cx.ports.hub.clone();
        self.cx.background.spawn(Box::pin(async move {
            for (room, event) in news {
                if let Err(error) = hub.publish(&room, &event).await {
                    log::warn!("The watchers of {room} were not told of change {}: {}", event.seq, error.0);
                }
            }
        }));
    }
}

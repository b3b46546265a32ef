//! Watching an object: the first frame is its state, then every change (API.md §1). Over a WebSocket, or as
//! server-sent events where a resource offers them.

use std::sync::Arc;

use axum::response::Response;
use domain::Error;
use domain::Kind;
use domain::messages::{UNAUTHENTICATED, UNAVAILABLE};
use domain::room::{Event, Join, close};
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
        self.join(spec, id, false).await
    }

    /// The same as server-sent events; refusals are ordinary errors there.
    pub async fn events(&self, spec: &'static Spec, id: Value) -> Result<Reply, Failure> {
        self.join(spec, id, true).await
    }

    async fn join(&self, spec: &'static Spec, id: Value, event_stream: bool) -> Result<Reply, Failure> {
        let room = crate::resource::room(spec, &id);
        let since = self.query("since").or_else(|| Some(self.header("last-event-id").to_string()));
        let since = since.and_then(|text| text.parse().ok());
        let admit = match (self.admit(spec, id).await, event_stream) {
            (Ok(admitted), _) => Ok(admitted),
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

    async fn admit(&self, spec: &'static Spec, id: Value) -> Result<(domain::room::Audience, Event), Error> {
        let caller = match self.query("ticket") {
            Some(ticket) => Some(self.redeem(&ticket).await?),
            None => self.caller()?,
        };
        let (scope, mut batch) = self.batch(&caller);
        let snapshot = batch.push(watch::snapshot(spec, scope, id));
        let outcome = batch.run(&*self.cx.ports.sql).await?;
        let admitted = watch::admitted(outcome.rows(snapshot));
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
        let hub = self.cx.ports.hub.clone();
        self.cx.background.spawn(Box::pin(async move {
            if let Err(error) = hub.publish(&room, &event).await {
                log::warn!("The watchers of {room} were not told of change {}: {}", event.seq, error.0);
            }
        }));
    }
}

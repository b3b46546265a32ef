//! WebSockets that outlive their object's sleep. A socket's tags are its audience (`owner`) and its rendering
//! (`owner/v1`); its attachment is the `seq` its watcher has seen. Both survive hibernation.

use domain::room::{Audience, Event, close};
use worker::worker_sys::WebSocketRequestResponsePair;
use worker::{Response, Result, State, WebSocket, WebSocketPair};

use crate::delivery::{Delivery, audience_tag, broadcast as messages, rendering_tag};

/// Answers clients' pings without waking the object.
pub fn answer_pings(state: &State) {
    if let Ok(pair) = WebSocketRequestResponsePair::new("ping", "pong")
        && state.as_raw().set_websocket_auto_response(&pair).is_err()
    {
        log::warn!("Pings are not answered.");
    }
}

/// Accepts a socket, sends these messages and closes it. A refusal takes this way too: a browser could not read the
/// status of a refused upgrade.
///
/// Such a socket cannot hibernate. One that can, closed before it was used, would keep its network connection open
/// until the object sleeps.
pub fn send_off(messages: &[Delivery]) -> Result<Response> {
    let pair = WebSocketPair::new()?;
    pair.server.accept()?;
    messages.iter().for_each(|message| send(&pair.server, message));
    Response::from_websocket(pair.client)
}

/// Accepts a socket and sends its first messages; `seen` is the newest state they show.
pub fn admit(state: &State, audience: Audience, rendering: &str, first: &[Delivery], seen: i64) -> Result<Response> {
    if first.last().is_some_and(|message| message.close.is_some()) {
        return send_off(first);
    }
    let pair = WebSocketPair::new()?;
    let tags = vec![audience_tag(audience).into(), rendering_tag(audience, rendering).into()];
    state.as_raw().accept_websocket_with_tags(pair.server.as_ref(), tags)?;
    mark(&pair.server, seen);
    first.iter().for_each(|message| send(&pair.server, message));
    Response::from_websocket(pair.client)
}

/// Sends an event to every socket of this audience that has not seen as much.
pub fn broadcast(state: &State, event: &Event, audience: Audience) {
    for_each_unseen(state, event, audience, send);
}

/// As `broadcast`, for a state that was not published to the room yet: records which sockets have seen it.
pub fn broadcast_ahead(state: &State, event: &Event, audience: Audience) {
    for_each_unseen(state, event, audience, |socket, message| {
        mark(socket, event.seq);
        send(socket, message);
    });
}

/// Calls `act` with each socket of the audience that has not seen the event, and its message.
fn for_each_unseen(state: &State, event: &Event, audience: Audience, act: impl Fn(&WebSocket, &Delivery)) {
    for (tag, message) in messages(event, audience) {
        open(state, &tag).filter(|socket| seen(socket) < event.seq).for_each(|socket| act(&socket, &message));
    }
}

/// True when a socket is open.
pub fn any(state: &State) -> bool {
    [Audience::Public, Audience::Owner].into_iter().any(|audience| open(state, audience_tag(audience)).next().is_some())
}

/// The open sockets with this tag.
fn open(state: &State, tag: &str) -> impl Iterator<Item = WebSocket> {
    let sockets = state.as_raw().get_websockets_with_tag(tag).unwrap_or_default();
    sockets.into_iter().filter(|s| s.ready_state() == worker::web_sys::WebSocket::OPEN).map(WebSocket::from)
}

fn send(socket: &WebSocket, message: &Delivery) {
    // A socket that cannot be written to is gone; its close is on its way to us.
    if let Some(text) = &message.text
        && socket.send_with_str(text).is_err()
    {
        return;
    }
    if let Some(code) = message.close {
        end(socket, code);
    }
}

/// Closes a socket.
pub fn end(socket: &WebSocket, code: u16) {
    let reason = match code {
        close::UNAUTHENTICATED => "unauthenticated",
        close::NOT_FOUND => "not found",
        close::DONE => "done",
        _ => "",
    };
    // Fails only when the other side was first.
    let _ = socket.close(Some(code), Some(reason));
}

/// Records the newest state that a socket's watcher has seen.
fn mark(socket: &WebSocket, seq: i64) {
    if let Err(error) = socket.serialize_attachment(seq as f64) {
        log::warn!("The state a socket has seen is not recorded: {error}");
    }
}

fn seen(socket: &WebSocket) -> i64 {
    socket.deserialize_attachment::<f64>().ok().flatten().map_or(0, |seq| seq as i64)
}

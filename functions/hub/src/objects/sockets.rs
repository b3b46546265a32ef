//! WebSockets that outlive their object's sleep. What a socket is for stands in its tag, how far its watcher has seen
//! in its attachment: both survive hibernation.

use domain::Profile;
use domain::room::{Audience, Event, close};
use worker::worker_sys::WebSocketRequestResponsePair;
use worker::{Response, Result, State, WebSocket, WebSocketPair};

use crate::delivery::{Delivery, delivery};

const PROFILES: [Profile; 3] = [Profile::V0, Profile::V1, Profile::Points];

fn tag(audience: Audience, profile: Profile) -> &'static str {
    match (audience, profile) {
        (Audience::Public, Profile::V0) => "public0",
        (Audience::Public, Profile::V1) => "public1",
        (Audience::Public, Profile::Points) => "public2",
        (Audience::Owner, Profile::V0) => "owner0",
        (Audience::Owner, Profile::V1) => "owner1",
        (Audience::Owner, Profile::Points) => "owner2",
    }
}

/// Clients' pings are answered without waking the object.
pub fn answer_pings(state: &State) {
    if let Ok(pair) = WebSocketRequestResponsePair::new("ping", "pong")
        && state.as_raw().set_websocket_auto_response(&pair).is_err()
    {
        log::warn!("Pings are not answered.");
    }
}

/// Accepts a socket, gives it these and closes it, which is also how one is refused: a browser could not read the
/// status of a refused upgrade. Such a socket never sleeps: closed before it was used, a sleeping one stays open on
/// its network connection until the object sleeps.
pub fn send_off(last: &[Delivery]) -> Result<Response> {
    let pair = WebSocketPair::new()?;
    pair.server.accept()?;
    last.iter().for_each(|delivery| give(&pair.server, delivery));
    Response::from_websocket(pair.client)
}

/// Accepts a socket and gives it its first frames; `seen` is the newest state they show.
pub fn admit(state: &State, audience: Audience, profile: Profile, first: &[Delivery], seen: i64) -> Result<Response> {
    if first.last().is_some_and(|delivery| delivery.close.is_some()) {
        return send_off(first);
    }
    let pair = WebSocketPair::new()?;
    state.as_raw().accept_websocket_with_tags(pair.server.as_ref(), vec![tag(audience, profile).into()])?;
    mark(&pair.server, seen);
    first.iter().for_each(|delivery| give(&pair.server, delivery));
    Response::from_websocket(pair.client)
}

/// Gives an event to every socket of this audience that has not seen as much.
pub fn broadcast(state: &State, event: &Event, audience: Audience) {
    for profile in PROFILES {
        let delivery = delivery(event, audience, profile);
        for socket in open(state, audience, profile).filter(|socket| seen(socket) < event.seq) {
            give(&socket, &delivery);
        }
    }
}

/// Like `broadcast`, for a state that the room has not been told of: it is noted who has seen it.
pub fn broadcast_ahead(state: &State, event: &Event, audience: Audience) {
    for profile in PROFILES {
        let delivery = delivery(event, audience, profile);
        for socket in open(state, audience, profile).filter(|socket| seen(socket) < event.seq) {
            mark(&socket, event.seq);
            give(&socket, &delivery);
        }
    }
}

pub fn any(state: &State) -> bool {
    let groups = [Audience::Public, Audience::Owner].into_iter().flat_map(|a| PROFILES.map(|p| (a, p)));
    groups.into_iter().any(|(audience, profile)| open(state, audience, profile).next().is_some())
}

fn open(state: &State, audience: Audience, profile: Profile) -> impl Iterator<Item = WebSocket> {
    let sockets = state.as_raw().get_websockets_with_tag(tag(audience, profile)).unwrap_or_default();
    sockets.into_iter().filter(|s| s.ready_state() == worker::web_sys::WebSocket::OPEN).map(WebSocket::from)
}

fn give(socket: &WebSocket, delivery: &Delivery) {
    // A socket that cannot be written to is gone; its close is on its way to us.
    if let Some(text) = &delivery.text
        && socket.send_with_str(text).is_err()
    {
        return;
    }
    if let Some(code) = delivery.close {
        end(socket, code);
    }
}

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

fn mark(socket: &WebSocket, seq: i64) {
    if let Err(error) = socket.serialize_attachment(seq as f64) {
        log::warn!("A socket's place is not kept: {error}");
    }
}

fn seen(socket: &WebSocket) -> i64 {
    socket.deserialize_attachment::<f64>().ok().flatten().map_or(0, |seq| seq as i64)
}

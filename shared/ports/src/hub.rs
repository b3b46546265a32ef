//! The hub port: telling every socket that watches an object about its changes.

use std::any::Any;

use async_trait::async_trait;
use domain::Profile;
use domain::room::{Audience, Event};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubError(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    WebSocket,
    EventStream,
}

/// A request to watch a room. With `Err` the socket is accepted and closed with that code, as browsers can't read
/// the status of a refused upgrade.
pub struct Watch {
    pub room: String,
    pub kind: WatchKind,
    pub profile: Profile,
    pub since: Option<i64>,
    pub admit: Result<(Audience, Event), u16>,
}

/// The engine's own response object, handed through to the engine's adapter untouched.
pub struct Upgraded(pub Box<dyn Any + Send>);

#[async_trait]
pub trait Hub: Send + Sync {
    /// Rooms are named `{resource}/{id}`.
    async fn publish(&self, room: &str, event: &Event) -> Result<(), HubError>;
    async fn watch(&self, watch: Watch) -> Result<Upgraded, HubError>;
    /// Tells the sweeper that there is unfinished work to look after.
    async fn wake(&self) -> Result<(), HubError>;
}

//! The hub port: telling every socket that watches an object about its changes.

use std::any::Any;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::room::{Event, Join};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubError(pub String);

/// The engine's own response object, handed through to the engine's adapter untouched.
pub struct Upgraded(Mutex<Option<Box<dyn Any + Send>>>);

impl Upgraded {
    pub fn new(response: impl Any + Send) -> Upgraded {
        Upgraded(Mutex::new(Some(Box::new(response))))
    }

    /// The response, the first time.
    pub fn take<T: 'static>(&self) -> Option<T> {
        let held = self.0.lock().ok()?.take()?;
        held.downcast().ok().map(|response| *response)
    }
}

#[async_trait]
pub trait Hub: Send + Sync {
    /// Rooms are named `{resource}/{id}`.
    async fn publish(&self, room: &str, event: &Event) -> Result<(), HubError>;
    /// Joins a room. With `admit` refused the socket is accepted and closed with that code, as browsers can't read the
    /// status of a refused upgrade.
    async fn watch(&self, room: &str, join: &Join) -> Result<Upgraded, HubError>;
    /// Tells the sweeper that there is unfinished work to look after.
    async fn wake(&self) -> Result<(), HubError>;
}

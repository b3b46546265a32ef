//! The hub port: sends the changes of an object to every socket that watches it.

use std::any::Any;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::room::{Event, Join};

use crate::Source;

/// Why the engine did not do it.
#[derive(Clone, Debug)]
pub struct HubError(pub Source);

impl std::fmt::Display for HubError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for HubError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// An engine's own response object, on its way to the engine's adapter.
pub struct Upgraded(Mutex<Option<Box<dyn Any + Send>>>);

impl Upgraded {
    /// Wraps a response.
    pub fn new(response: impl Any + Send) -> Upgraded {
        Upgraded(Mutex::new(Some(Box::new(response))))
    }

    /// The response; None from the second call on, or for another type.
    pub fn take<T: 'static>(&self) -> Option<T> {
        let held = self.0.lock().ok()?.take()?;
        held.downcast().ok().map(|response| *response)
    }
}

/// Rooms of watchers, named `{resource}/{id}`, and the sweeper.
#[async_trait]
pub trait Hub: Send + Sync {
    /// Sends a change to a room's watchers.
    async fn publish(&self, room: &str, event: &Event) -> Result<(), HubError>;
    /// Joins a room. A refused watcher's socket is accepted and closed with the code: browsers cannot read the status
    /// of a refused upgrade.
    async fn watch(&self, room: &str, join: &Join) -> Result<Upgraded, HubError>;
    /// Wakes the sweeper, because there is unfinished work.
    async fn wake(&self) -> Result<(), HubError>;
}

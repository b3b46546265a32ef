//! The one Durable Object that looks after unfinished work, every few seconds while there is any. The request that
//! begins work wakes it; a cron trigger does so each minute, should a request fail to.

use std::cell::Cell;
use std::sync::Arc;

use edge::engines::ALL;
use edge::worker::runtime;
use worker::{
    DurableObject, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, State, WebSocket,
    WebSocketIncomingMessage, durable_object, event,
};

use super::Detached;

/// Milliseconds between two rounds. With a lease of 30 s a lost task is claimed again within 35 s of the loss.
const ROUND_MS: i64 = 4_000;

/// The sweeper.
#[durable_object]
pub struct HubSweeper {
    state: State,
    env: Env,
    /// True when the alarm is known to be set.
    awake: Cell<bool>,
}

impl DurableObject for HubSweeper {
    fn new(state: State, env: Env) -> HubSweeper {
        HubSweeper { state, env, awake: Cell::new(false) }
    }

    /// Wakes it, delivers webhooks and copies images of datasets at once: a call means that something has changed.
    async fn fetch(&self, _: Request) -> Result<Response> {
        self.wake().await?;
        let runtime = runtime::<ALL>(&self.env, Arc::new(Detached));
        store::webhooks::dispatch(&runtime);
        store::dataset_copies::dispatch(&runtime);
        Response::empty()
    }

    /// Sweeps once. A round that failed counts as one that left work.
    async fn alarm(&self) -> Result<Response> {
        self.awake.set(false);
        let runtime = runtime::<ALL>(&self.env, Arc::new(Detached));
        let remains = store::sweep::round(&runtime).await.unwrap_or_else(|error| {
            log::error!("A round of the sweeper failed: {error}");
            true
        });
        if remains {
            self.wake().await?;
        }
        Response::empty()
    }

    async fn websocket_message(&self, _: WebSocket, _: WebSocketIncomingMessage) -> Result<()> {
        Ok(())
    }

    async fn websocket_close(&self, _: WebSocket, _: usize, _: String, _: bool) -> Result<()> {
        Ok(())
    }

    async fn websocket_error(&self, _: WebSocket, _: worker::Error) -> Result<()> {
        Ok(())
    }
}

impl HubSweeper {
    /// Sets the alarm unless it is set.
    async fn wake(&self) -> Result<()> {
        if self.awake.get() {
            return Ok(());
        }
        let storage = self.state.storage();
        if storage.get_alarm().await?.is_none() {
            storage.set_alarm(ROUND_MS).await?;
        }
        // Not before: if setting the alarm fails, the next call has to try again.
        self.awake.set(true);
        Ok(())
    }
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    if let Err(error) = runtime::<ALL>(&env, Arc::new(Detached)).hub.wake().await {
        log::error!("The sweeper was not woken: {error}");
    }
}

//! The one Durable Object that looks after unfinished work, every few seconds while there is any. Whoever begins work
//! wakes it; should that be lost, a cron trigger wakes it each minute.

use std::cell::Cell;
use std::sync::Arc;

use edge::worker::context_of;
use worker::{
    DurableObject, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, State, WebSocket,
    WebSocketIncomingMessage, durable_object, event,
};

use super::Detached;

/// Milliseconds between two rounds. With a lease of 30 s a lost task is claimed again within 35 s of the loss.
const ROUND_MS: i64 = 4_000;

#[durable_object]
pub struct HubSweeper {
    state: State,
    env: Env,
    /// The alarm is known to be set.
    awake: Cell<bool>,
}

impl DurableObject for HubSweeper {
    fn new(state: State, env: Env) -> HubSweeper {
        HubSweeper { state, env, awake: Cell::new(false) }
    }

    /// Any call wakes it. Something has changed: there may be a webhook to tell, and at once.
    async fn fetch(&self, _: Request) -> Result<Response> {
        self.wake().await?;
        store::webhooks::dispatch(&context_of(&self.env, Arc::new(Detached)));
        Response::empty()
    }

    /// One round. A failed one is tried again like one that left work.
    async fn alarm(&self) -> Result<Response> {
        self.awake.set(false);
        let cx = context_of(&self.env, Arc::new(Detached));
        let remains = store::sweep::round(&cx).await.unwrap_or_else(|error| {
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
    async fn wake(&self) -> Result<()> {
        if self.awake.get() {
            return Ok(());
        }
        let storage = self.state.storage();
        if storage.get_alarm().await?.is_none() {
            storage.set_alarm(ROUND_MS).await?;
        }
        // Only now: had it failed, the next call has to try again.
        self.awake.set(true);
        Ok(())
    }
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    let cx = context_of(&env, Arc::new(Detached));
    if let Err(error) = cx.ports.hub.wake().await {
        log::error!("The sweeper was not woken: {}", error.0);
    }
}

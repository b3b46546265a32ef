//! Work after the reply: delivering the outbox, and waking the sweeper, which delivers webhooks and looks after what
//! does not get through.

use ports::Runtime;
use store::outbox;

use crate::request_ctx::RequestCtx;

impl RequestCtx {
    /// Delivers the outbox and wakes the sweeper, after the reply. For requests that wrote to the outbox.
    pub fn flush_outbox(&self) {
        let runtime = self.runtime.clone();
        self.runtime.background.spawn(Box::pin(async move {
            if let Err(error) = outbox::flush(&runtime).await {
                log::warn!("The outbox was not delivered, the sweeper will: {error}");
            }
            wake(&runtime).await;
        }));
    }

    /// Wakes the sweeper, after the reply. For requests that began something that somebody has to look after.
    pub fn wake_sweeper(&self) {
        let runtime = self.runtime.clone();
        self.runtime.background.spawn(Box::pin(async move { wake(&runtime).await }));
    }
}

async fn wake(runtime: &Runtime) {
    if let Err(error) = runtime.hub.wake().await {
        log::warn!("The sweeper was not woken, cron will: {error}");
    }
}

//! What goes on after the reply: delivering the outbox, and waking the sweeper, which delivers webhooks and looks after
//! what does not get through.

use store::outbox;

use crate::context::Ctx;

impl Ctx {
    /// For requests that wrote to the outbox.
    pub fn deliver(&self) {
        let cx = self.cx.clone();
        self.cx.background.spawn(Box::pin(async move {
            if let Err(error) = outbox::flush(&cx).await {
                log::warn!("The outbox was not delivered, the sweeper will: {error}");
            }
            wake(&cx).await;
        }));
    }

    /// For requests that began something somebody has to look after.
    pub fn wake_sweeper(&self) {
        let cx = self.cx.clone();
        self.cx.background.spawn(Box::pin(async move { wake(&cx).await }));
    }
}

async fn wake(cx: &ports::Cx) {
    if let Err(error) = cx.ports.hub.wake().await {
        log::warn!("The sweeper was not woken, cron will: {}", error.0);
    }
}

//! The wish to stop, from wherever it comes, as everybody may wait for it.

use tokio::sync::watch;

/// Makes the wish.
pub struct Stopper(watch::Sender<bool>);

/// Waits for it. Clones wait for the same.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub fn is_wanted(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is wanted, at once if it was before. Without a stopper, never.
    pub async fn wanted(&self) {
        if self.0.clone().wait_for(|wanted| *wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

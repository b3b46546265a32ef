//! What the edge is told of the runner itself: that it lives, and what it does.

use tokio::select;
use tokio::sync::watch;
use tokio::time::sleep;

use super::backoff::Streak;
use super::config::Pace;
use super::edge::Edge;
use super::stop::Stop;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Registered; the queue has not answered yet.
    Starting,
    Idle,
    Working,
    Stopping,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Starting => "starting",
            Status::Idle => "idle",
            Status::Working => "working",
            Status::Stopping => "stopping",
        }
    }
}

/// Tells each change at once and everything now and then, for ever.
pub async fn announce(edge: &Edge, mut status: watch::Receiver<Status>, pace: &Pace, stop: &Stop) -> ! {
    let mut streak = Streak::new("the edge", pace);
    loop {
        let stopping = stop.is_wanted();
        let current = *status.borrow_and_update();
        let current = if stopping { Status::Stopping } else { current };
        let pause = match edge.heartbeat(current.as_str()).await {
            Ok(()) => {
                streak.well();
                pace.heartbeat
            }
            Err(fault) => streak.failed(fault).min(pace.heartbeat),
        };
        select! {
            // Where the sender has gone nothing changes any more.
            Ok(()) = status.changed() => {}
            () = stop.wanted(), if !stopping => {}
            () = sleep(pause) => {}
        }
    }
}

//! What the edge is told of the runner itself: that it lives, and what it does.

use tokio::select;
use tokio::sync::watch;
use tokio::time::sleep;

use super::backoff::Streak;
use super::config::Pace;
use super::edge::Edge;
use super::own::Own;
use super::stop::Stop;
use crate::backend::Loaded;

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

/// What a runner does, and what it has in memory for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub status: Status,
    pub loaded: Vec<Loaded>,
}

/// Where the state is changed, from any thread.
#[derive(Clone)]
pub struct Board(watch::Sender<State>);

impl Board {
    pub fn new() -> (Self, watch::Receiver<State>) {
        let (sender, receiver) = watch::channel(State { status: Status::Starting, loaded: Vec::new() });
        (Self(sender), receiver)
    }

    pub fn now(&self, status: Status) {
        self.0.send_if_modified(|state| std::mem::replace(&mut state.status, status) != status);
    }

    pub fn loaded(&self, loaded: Vec<Loaded>) {
        self.0.send_if_modified(|state| {
            let other = state.loaded != loaded;
            state.loaded = loaded;
            other
        });
    }
}

/// Tells each change at once and everything now and then, for ever.
pub async fn announce(edge: &Edge, mut state: watch::Receiver<State>, own: &Own, (pace, stop): (&Pace, &Stop)) -> ! {
    let mut streak = Streak::new("the edge", pace);
    loop {
        let stopping = stop.is_wanted();
        let State { status, loaded } = state.borrow_and_update().clone();
        let status = if stopping { Status::Stopping } else { status };
        let pause = match edge.heartbeat(status.as_str(), own.told(&loaded)).await {
            Ok(()) => {
                streak.well();
                pace.heartbeat
            }
            Err(fault) => streak.failed(fault).min(pace.heartbeat),
        };
        select! {
            // Where the sender has gone nothing changes any more.
            Ok(()) = state.changed() => {}
            () = stop.wanted(), if !stopping => {}
            () = sleep(pause) => {}
        }
    }
}

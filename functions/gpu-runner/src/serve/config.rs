//! What `serve` is told: where the edge is, who this runner is, how fast it goes.

use std::path::PathBuf;
use std::time::Duration;

use domain::runner::Register;
use reqwest::Url;

/// No `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Config {
    pub edge: Url,
    /// The deployment's bearer for registering.
    pub registration_token: String,
    /// Up to and including `…/accounts/{account}`.
    pub queue: Url,
    pub queue_token: String,
    /// How this runner presents itself; `kind` is also the name of its queue.
    pub register: Register,
    /// The directory of the model it draws with.
    pub model: PathBuf,
    /// A preview after every so many steps of a picture, 0 for none; by default after every fifth of them.
    pub preview_every: Option<u32>,
    pub pace: Pace,
}

impl Config {
    pub(super) fn preview_every(&self, steps: u32) -> usize {
        self.preview_every.unwrap_or((steps / 5).max(1)) as usize
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks into an empty queue.
    pub poll: Duration,
    /// Between two signs of life of the runner.
    pub heartbeat: Duration,
    /// Between two progress reports when no step ends; a third of the lease when that is less. Bounds how late a cancel
    /// is heard.
    pub beat: Duration,
    /// The first wait after a failed call; the next ones double.
    pub backoff: Duration,
    pub backoff_most: Duration,
    /// How long one call may take.
    pub call: Duration,
    /// How long the task in hand may go on after the wish to stop.
    pub grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(500),
            heartbeat: Duration::from_secs(15),
            beat: Duration::from_secs(5),
            backoff: Duration::from_millis(250),
            backoff_most: Duration::from_secs(15),
            call: Duration::from_secs(30),
            grace: Duration::from_secs(20),
        }
    }
}

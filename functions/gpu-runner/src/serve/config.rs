//! What `serve` is told: where the edge is, who this runner is, how fast it goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use candle_core::Device;
use protocol::runner::Register;
use reqwest::Url;

use super::own::OwnModel;
use super::task_type::TaskType;
use crate::memory_budget::MemoryBudget;

/// No `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Config {
    pub edge: Url,
    /// The deployment's bearer for registering.
    pub registration_token: String,
    /// Up to and including `…/accounts/{account}`.
    pub queue: Url,
    pub queue_token: String,
    /// How this runner presents itself; `TaskType::register` sets name and `kind` of each registration.
    pub register: Register,
    /// Which tasks it takes, each type once.
    pub types: Vec<TaskType>,
    /// The models it has. It draws with the first where a task names none.
    pub models: Vec<OwnModel>,
    /// Where models of the edge are kept.
    pub cache: PathBuf,
    /// Bytes that they may take up there.
    pub cache_size: u64,
    /// A preview after every so many steps of a picture, 0 for none; by default after every fifth of them.
    pub preview_every: Option<u32>,
    pub training: TrainingOptions,
    pub pace: Pace,
}

/// How tasks of type training are carried out.
#[derive(Clone)]
pub struct TrainingOptions {
    pub device: Device,
    /// A directory with the vocabulary for models in one file.
    pub tokenizer: Option<PathBuf>,
    /// Bytes that models, drawings and a training may take together.
    pub memory: MemoryBudget,
    /// Bytes of it that a training leaves to drawing.
    pub kept_for_drawing: u64,
    /// Time between two uploads of the training state.
    pub state_every: Duration,
    /// Steps between two uploads of the training state, beside those that the time brings; 0 for none.
    pub state_every_steps: u32,
    /// A sample after every so many steps, 0 for none. By default after every tenth of the steps, at most one in 30 s.
    pub sample_every: Option<u32>,
    /// Called on the training thread after each step, with the number of steps done. A test paces a training by it.
    pub after_step: Option<Arc<dyn Fn(usize) + Send + Sync>>,
}

impl Config {
    pub(super) fn preview_every(&self, steps: usize) -> usize {
        self.preview_every.map_or((steps / 5).max(1), |every| every as usize)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks into an empty queue, while there was work not long ago: what a user waits for a free runner.
    pub poll: Duration,
    /// Between two looks when there was none for long: each look is a request.
    pub idle_poll: Duration,
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
    /// For how long a picture to start from is asked for while the edge has none to give.
    pub inputs: Duration,
    /// The same for a piece of a model's file, and how long one call for it may take.
    pub weights: Duration,
    /// For how long after its lease a training goes on, and its result is offered, while the edge does not answer.
    pub outage: Duration,
    /// The shortest time between two progress reports of a training, whose steps may be many a second.
    pub training_report: Duration,
    /// How long the task in hand may go on after the wish to stop.
    pub grace: Duration,
}

/// After so long without work a runner is idle.
const IDLE_AFTER: Duration = Duration::from_secs(60);

impl Pace {
    /// The pause before the next look into a queue that was empty, so long after the last work.
    pub(super) fn poll(&self, since_work: Duration) -> Duration {
        if since_work < IDLE_AFTER { self.poll } else { self.idle_poll.max(self.poll) }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(100),
            idle_poll: Duration::from_millis(500),
            heartbeat: Duration::from_secs(15),
            beat: Duration::from_secs(5),
            backoff: Duration::from_millis(250),
            backoff_most: Duration::from_secs(15),
            call: Duration::from_secs(30),
            inputs: Duration::from_secs(45),
            weights: Duration::from_secs(300),
            outage: Duration::from_secs(1800),
            training_report: Duration::from_millis(500),
            grace: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_runner_looks_less_often() {
        let pace = Pace::default();
        // With a jitter of a quarter, and a hint that comes just after a look.
        assert!(pace.poll(Duration::from_secs(59)).mul_f64(1.25) <= Duration::from_millis(125));
        assert_eq!(pace.poll(Duration::from_secs(60)), Duration::from_millis(500));
        let slow = Pace { poll: Duration::from_secs(9), ..pace };
        assert_eq!(slow.poll(Duration::from_secs(60)), Duration::from_secs(9));
    }
}

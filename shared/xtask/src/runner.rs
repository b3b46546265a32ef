//! The CPU runner beside a local edge: built, given a model, kept running.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::edge::secret;
use crate::process::{Group, Stop};
use crate::setup::{cargo, quiet, shown};
use crate::workspace::Workspace;

/// The crate and its binary.
pub const RUNNER: &str = "gpu-runner";

const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MOST: Duration = Duration::from_secs(30);
/// A runner that lived this long was well: the next wait is the first again.
const WELL: Duration = Duration::from_secs(60);

/// A runner that is started again when it dies. Dropping it stops it.
pub struct Runner {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Builds the runner; its binary.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    shown(cargo(workspace).args(["build", "-p", RUNNER]))?;
    Ok(binary(workspace))
}

/// Where cargo puts the runner, also when it builds it for the runner's own tests.
pub fn binary(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug").join(RUNNER)
}

/// Makes the tiny random model of a run with this state when it is missing; where it is.
pub fn tiny_model(binary: &Path, state: &Path) -> Result<PathBuf> {
    let model = state.join("tiny-model");
    if !model.join("model_index.json").is_file() {
        quiet(Command::new(binary).arg("tiny-model").arg("--out").arg(&model))?;
    }
    Ok(model)
}

impl Runner {
    /// Starts it against `edge`, drawing with a model, and keeping those of the edge under `cache`.
    pub fn start(binary: &Path, edge: &str, model: &Path, cache: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        // Handed back before the group is killed: the next start goes on with it at once.
        command.args(["serve", "--edge", edge, "--name", "local", "--grace-ms", "3000"]);
        command.args(["--registration-token", &secret("RUNNER_REGISTRATION_TOKEN")]);
        command.args(["--queue-token", &secret("QUEUE_TOKEN")]).arg("--model").arg(model);
        command.arg("--cache").arg(cache);
        let stop = Stop::default();
        let mut running = Group::spawn(&mut command)?;
        if let Some(status) = ended_at_once(&mut running) {
            bail!("the runner ended at once: {status}");
        }
        let thread = thread::spawn({
            let stop = stop.clone();
            move || supervise(command, running, &stop)
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A wrong option or a missing file shows within this: better said at the start than by restarts.
fn ended_at_once(group: &mut Group) -> Option<std::process::ExitStatus> {
    thread::sleep(Duration::from_millis(200));
    group.ended()
}

fn supervise(mut command: Command, first: Group, stop: &Stop) {
    let mut backoff = BACKOFF_FIRST;
    let mut running = Some(first);
    let mut started = Instant::now();
    while !stop.wait(Duration::from_millis(100)) {
        let Some(status) = running.as_mut().map_or(Some(None), |group| group.ended().map(Some)) else { continue };
        if started.elapsed() > WELL {
            backoff = BACKOFF_FIRST;
        }
        let how = status.map_or("does not start".to_owned(), |status| format!("ended ({status})"));
        eprintln!("[runner] {how}, starting again in {} s", backoff.as_secs());
        if stop.wait(backoff) {
            return;
        }
        backoff = (backoff * 2).min(BACKOFF_MOST);
        running = Group::spawn(&mut command).ok();
        started = Instant::now();
    }
}

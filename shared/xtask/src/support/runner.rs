//! The CPU runner of a local edge, which draws and trains: builds it, makes its test model, keeps it running.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::command::{cargo, run_quietly, run_visibly};
use super::dev_secrets;
use super::process_group::ProcessGroup;
use super::shutdown::ShutdownSignal;
use super::workspace::Workspace;

/// The name of the crate and of its executable.
const CRATE: &str = "gpu-runner";

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Uptime after which a crash counts as the first one: the next wait is [`FIRST_BACKOFF`].
const STABLE_UPTIME: Duration = Duration::from_secs(60);
/// Time in which a wrong option or a missing file ends the runner.
const STARTUP_CHECK: Duration = Duration::from_millis(200);

/// A running runner, restarted when it ends. Dropping it stops it.
pub struct Runner {
    shutdown: ShutdownSignal,
    supervisor: Option<JoinHandle<()>>,
}

/// Builds the runner with the dev profile and returns the path of its executable.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    run_visibly(cargo(workspace).args(["build", "-p", CRATE]))?;
    Ok(executable(workspace))
}

/// The path of the executable. `cargo test` of the workspace builds it there too.
pub fn executable(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug").join(CRATE)
}

/// Returns the folder of a tiny model with random weights, made under `state` when it is missing.
pub fn tiny_model(executable: &Path, state: &Path) -> Result<PathBuf> {
    let model = state.join("tiny-model");
    if !model.join("model_index.json").is_file() {
        run_quietly(Command::new(executable).arg("tiny-model").arg("--out").arg(&model))?;
    }
    Ok(model)
}

impl Runner {
    /// Starts the runner against the edge at `edge_url`. Models that tasks name are downloaded into `cache`.
    pub fn start(executable: &Path, edge_url: &str, model: &Path, cache: &Path) -> Result<Self> {
        let mut command = Command::new(executable);
        // The grace time is shorter than that of `ProcessGroup::stop`: the runner gives its task back before SIGKILL,
        // and the next start takes it at once.
        command.args(["serve", "--edge", edge_url, "--name", "local", "--grace-ms", "3000"]);
        command.args(["--type", "inference", "--type", "training"]);
        command.args(["--registration-token", &dev_secrets::get("RUNNER_REGISTRATION_TOKEN")]);
        command.args(["--queue-token", &dev_secrets::get("QUEUE_TOKEN")]).arg("--model").arg(model);
        command.arg("--cache").arg(cache);
        let shutdown = ShutdownSignal::default();
        let mut process = ProcessGroup::spawn(&mut command)?;
        thread::sleep(STARTUP_CHECK);
        if let Some(status) = process.exit_status() {
            bail!("the runner ended at once: {status}");
        }
        let supervisor = thread::spawn({
            let shutdown = shutdown.clone();
            move || supervise(command, process, &shutdown)
        });
        Ok(Self { shutdown, supervisor: Some(supervisor) })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.shutdown.set();
        if let Some(supervisor) = self.supervisor.take() {
            let _ = supervisor.join();
        }
    }
}

/// Restarts the runner whenever it ends, with exponential backoff, until `shutdown` is set.
fn supervise(mut command: Command, first: ProcessGroup, shutdown: &ShutdownSignal) {
    let mut backoff = FIRST_BACKOFF;
    let mut process = Some(first);
    let mut started = Instant::now();
    while !shutdown.wait(Duration::from_millis(100)) {
        let ended = match &mut process {
            Some(process) => process.exit_status().map(|status| format!("ended ({status})")),
            None => Some("does not start".to_owned()),
        };
        let Some(ended) = ended else { continue };
        if started.elapsed() > STABLE_UPTIME {
            backoff = FIRST_BACKOFF;
        }
        eprintln!("[runner] {ended}, starting again in {} s", backoff.as_secs());
        if shutdown.wait(backoff) {
            return;
        }
        backoff = (backoff * 2).min(MAX_BACKOFF);
        process = ProcessGroup::spawn(&mut command).ok();
        started = Instant::now();
    }
}

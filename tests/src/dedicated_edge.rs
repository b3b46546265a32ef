//! Processes a test may kill: an edge of its own, and runners.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::{Edge, unique};
use crate::env::setting;

/// An edge over a state folder of its own, without a runner. Ends when dropped; what it stored stays in `state`.
pub struct DedicatedEdge {
    pub edge: Edge,
    child: Child,
    /// It ends when this closes.
    alive: Option<ChildStdin>,
}

impl DedicatedEdge {
    /// Starts it where `state` was left, or anew; leases hold for so long. Port 0 takes a free one.
    pub fn start(state: &State, lease_ms: u32, port: u16) -> DedicatedEdge {
        DedicatedEdge::start_with(state, port, &[("LEASE_MS", &lease_ms.to_string())])
    }

    /// With variables of a test's choosing.
    pub fn start_with(state: &State, port: u16, vars: &[(&str, &str)]) -> DedicatedEdge {
        DedicatedEdge::try_start(&state.0, port, vars, Stdio::inherit()).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Its log goes to `log`. An error is that it does not get ready.
    pub fn try_start(state: &Path, port: u16, vars: &[(&str, &str)], log: Stdio) -> Result<DedicatedEdge, String> {
        let mut command = Command::new(setting("XTASK_BIN"));
        command.args(["edge", "--port", &port.to_string(), "--state"]).arg(state);
        command.args(vars.iter().flat_map(|(name, value)| ["--var".to_owned(), format!("{name}={value}")]));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| format!("the edge does not start: {error}"))?;
        let alive = child.stdin.take();
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is ours");
        BufReader::new(output).read_line(&mut line).expect("its output can be read");
        match line.strip_prefix("ready ") {
            Some(url) => Ok(DedicatedEdge { edge: Edge::at(url.trim()), child, alive }),
            None => {
                let _ = child.wait();
                Err(format!("the edge is not ready: {line}"))
            }
        }
    }

    /// kill -9 of all its processes, in one moment: nothing is written any more.
    pub fn kill(mut self) {
        let mut all = descendants(self.child.id());
        all.push(self.child.id());
        for process in all {
            let _ = kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }

    pub fn port(&self) -> u16 {
        self.edge.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("its address has a port")
    }
}

/// The processes that a process has started, and those that they have.
fn descendants(of: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: Vec<u32> =
        children.flat_map(|ids| ids.split(' ').filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect();
    let theirs: Vec<u32> = children.iter().flat_map(|child| descendants(*child)).collect();
    children.into_iter().chain(theirs).collect()
}

impl Drop for DedicatedEdge {
    fn drop(&mut self) {
        drop(self.alive.take());
        let _ = self.child.wait();
    }
}

/// Where an edge keeps its data, in memory where there is such a place; gone when dropped.
pub struct State(PathBuf);

impl State {
    pub fn new() -> State {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let path = parent.join(unique("easel-chaos"));
        std::fs::create_dir_all(&path).expect("a folder");
        State(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves it, for somebody to look at.
    pub fn keep(self) -> PathBuf {
        let path = self.0.clone();
        std::mem::forget(self);
        path
    }
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The real runner, drawing with the tiny model. Killed when dropped.
pub struct RunnerProcess(Child);

impl RunnerProcess {
    pub fn start(edge: &Edge, name: &str) -> RunnerProcess {
        RunnerProcess::start_with(edge, name, &["--poll-ms", "100"])
    }

    /// With options of a test's choosing.
    pub fn start_with(edge: &Edge, name: &str, options: &[&str]) -> RunnerProcess {
        RunnerProcess::start_logged(edge, name, options, Stdio::inherit())
    }

    /// Its log goes to `log`.
    pub fn start_logged(edge: &Edge, name: &str, options: &[&str], log: Stdio) -> RunnerProcess {
        let mut command = Command::new(setting("RUNNER_BIN"));
        command.args(["serve", "--edge", &edge.url, "--name", name]).args(options);
        command.arg("--model").arg(setting("RUNNER_MODEL")).env("RUST_LOG", "warn").stdin(Stdio::null()).stderr(log);
        RunnerProcess(command.spawn().expect("the runner starts"))
    }

    /// kill -9: no last word.
    pub fn kill(mut self) {
        self.0.kill().expect("it still runs");
        let _ = self.0.wait();
    }
}

impl Drop for RunnerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! Processes a test may kill: an edge of its own, and runners.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::client::{Edge, unique};
use crate::env::setting;

/// An edge over a state folder of its own, without a runner. Ends when dropped; what it stored stays in `state`.
pub struct OwnEdge {
    pub edge: Edge,
    child: Child,
    /// It ends when this closes.
    alive: Option<ChildStdin>,
}

impl OwnEdge {
    /// Starts it where `state` was left, or anew; leases hold for so long. Port 0 takes a free one.
    pub fn start(state: &State, lease_ms: u32, port: u16) -> OwnEdge {
        let mut command = Command::new(setting("XTASK_BIN"));
        command.args(["edge", "--var", &format!("LEASE_MS={lease_ms}"), "--port", &port.to_string(), "--state"]);
        command.arg(&state.0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the edge starts");
        let alive = child.stdin.take();
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is ours");
        BufReader::new(output).read_line(&mut line).expect("its output can be read");
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("the edge is not ready: {line}"));
        OwnEdge { edge: Edge::at(url.trim()), child, alive }
    }

    pub fn port(&self) -> u16 {
        self.edge.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("its address has a port")
    }
}

impl Drop for OwnEdge {
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
pub struct OwnRunner(Child);

impl OwnRunner {
    pub fn start(edge: &Edge, name: &str) -> OwnRunner {
        OwnRunner::start_with(edge, name, &["--poll-ms", "100"])
    }

    /// With options of a test's choosing.
    pub fn start_with(edge: &Edge, name: &str, options: &[&str]) -> OwnRunner {
        let mut command = Command::new(setting("RUNNER_BIN"));
        command.args(["serve", "--edge", &edge.url, "--name", name]).args(options);
        command.arg("--model").arg(setting("RUNNER_MODEL")).env("RUST_LOG", "warn").stdin(Stdio::null());
        OwnRunner(command.spawn().expect("the runner starts"))
    }

    /// kill -9: no last word.
    pub fn kill(mut self) {
        self.0.kill().expect("it still runs");
        let _ = self.0.wait();
    }
}

impl Drop for OwnRunner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

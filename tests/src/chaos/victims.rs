//! The processes that are killed and started again at once: the edge over the same state at the same port, and runners
//! under the same names.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::client::Edge;
use crate::dedicated_edge::{DedicatedEdge, RunnerProcess};

/// A start may meet a port that something else has for a moment.
const STARTS: u32 = 10;

pub struct Victims {
    state: PathBuf,
    vars: Vec<(&'static str, String)>,
    port: u16,
    edge: Option<DedicatedEdge>,
    runners: Vec<Option<RunnerProcess>>,
    pub edges_killed: u32,
    pub runners_killed: u32,
    /// The longest time without an edge.
    pub away: Duration,
}

impl Victims {
    /// An edge, without runners yet.
    pub fn start(state: &Path, vars: Vec<(&'static str, String)>) -> Victims {
        let mut victims = Victims {
            state: state.to_owned(),
            vars,
            port: 0,
            edge: None,
            runners: Vec::new(),
            edges_killed: 0,
            runners_killed: 0,
            away: Duration::ZERO,
        };
        victims.port = victims.start_edge().port();
        victims
    }

    pub fn edge(&self) -> Edge {
        self.edge.as_ref().map(|own| own.edge.clone()).expect("there is one")
    }

    fn log(&self, name: &str) -> Stdio {
        let file = OpenOptions::new().create(true).append(true).open(self.state.join(name));
        file.map_or(Stdio::null(), |file: File| file.into())
    }

    fn start_edge(&mut self) -> &DedicatedEdge {
        let vars: Vec<(&str, &str)> = self.vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let state = self.state.join("edge");
        std::fs::create_dir_all(&state).expect("a folder");
        let start = || DedicatedEdge::try_start(&state, self.port, &vars, self.log("edge.log"));
        let mut started = start();
        for _ in 1..STARTS {
            if started.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
            started = start();
        }
        self.edge.insert(started.unwrap_or_else(|why| panic!("{why}")))
    }

    /// A runner that sees the edge at this address.
    pub fn start_runner(&mut self, edge: &Edge) {
        self.runners.push(None);
        self.start_runner_at(edge, self.runners.len() - 1);
    }

    fn start_runner_at(&mut self, edge: &Edge, place: usize) {
        let options = ["--poll-ms", "100", "--preview-every", "2", "--type", "inference", "--type", "training"];
        let states = ["--state-every-s", "1", "--state-every-steps", "2"];
        let cache = self.state.join(format!("runner-{place}"));
        let cache = ["--cache", cache.to_str().expect("a path in UTF-8")];
        let options = [options.as_slice(), &states, &cache].concat();
        let runner = RunnerProcess::start_logged(edge, &format!("runner-{place}"), &options, self.log("runners.log"));
        self.runners[place] = Some(runner);
    }

    pub fn kill_runner(&mut self, edge: &Edge, place: usize) {
        if let Some(runner) = self.runners[place].take() {
            runner.kill();
            self.runners_killed += 1;
        }
        self.start_runner_at(edge, place);
    }

    pub fn kill_edge(&mut self) {
        let began = Instant::now();
        if let Some(edge) = self.edge.take() {
            edge.kill();
            self.edges_killed += 1;
        }
        self.start_edge();
        self.away = self.away.max(began.elapsed());
    }

    pub fn runners(&self) -> usize {
        self.runners.len()
    }

    /// How long deadlines of tasks are from the next start of the edge on.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.vars.retain(|(other, _)| *other != name);
        self.vars.push((name, value));
    }

    /// Ends all, in peace.
    pub fn stop(&mut self) {
        self.runners.clear();
        self.edge = None;
    }
}

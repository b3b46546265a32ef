//! `cargo xtask test`: native tests; then the functions on workerd with a runner beside them, and the tests of the
//! `tests` crate against that. The last line counts all of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::edge::{Edge, Options, secrets};
use crate::process::{Group, Stop};
use crate::runner::{self, Runner};
use crate::spin_host::{self, SpinHost};
use crate::workspace::Workspace;
use crate::{build, dev, python, setup};

/// The crate with the end-to-end tests.
const END_TO_END: &str = "tests";
/// Leases in tests: a dead runner's task is free again after this, in milliseconds.
const LEASE_MS: &str = "5000";

#[derive(clap::Args)]
pub struct Args {
    /// Only the native tests
    #[arg(long, conflicts_with = "e2e")]
    native: bool,
    /// Only the tests against a running edge
    #[arg(long)]
    e2e: bool,
    /// Only tests whose name contains this
    filter: Option<String>,
}

/// What libtest counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut count = Count::default();
    let mut sound = true;
    let stop = Stop::on_signals()?;
    if !args.e2e {
        let mut cargo = cargo(workspace);
        cargo.args(["--workspace", "--exclude", END_TO_END]);
        sound &= tests(cargo, args, &mut count, &stop)?;
    }
    if !args.native {
        sound &= end_to_end(workspace, args, &mut count, &stop)?;
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    ensure!(sound && count.failed == 0, "not all tests passed");
    Ok(())
}

fn end_to_end(workspace: &Workspace, args: &Args, count: &mut Count, stop: &Stop) -> Result<bool> {
    let tools = setup::run(workspace)?;
    build::run(workspace, &tools, &workspace.select(&[])?, false)?;
    // The native tests have just built it; building it alone means other features, and candle once more.
    let binary = if args.e2e { runner::build(workspace)? } else { runner::binary(workspace) };
    let state = Scratch::new()?;
    let vars = BTreeMap::from([("LEASE_MS".to_owned(), LEASE_MS.to_owned())]);
    let options = Options { port: 0, state: state.0.join("edge"), release: false, vars };
    let edge = Edge::start(workspace, &tools, &options, stop)?;
    dev::log_in(&edge.url)?;
    let model = runner::tiny_model(&binary, &state.0)?;
    let _runner = Runner::start(&binary, &edge.url, &model, &state.0.join("models"))?;

    spin_host::build(workspace)?;
    // Inside the repository: the translated components look for their WASI library in node_modules above them.
    let spin = SpinHost::start(workspace, &tools, &workspace.target.join("spin"), stop).context("the Spin host")?;

    let mut cargo = cargo(workspace);
    cargo.args(["-p", END_TO_END]).envs(secrets()).env("SPIN_URL", &spin.url);
    cargo.env("BASE_URL", &edge.url).env("LEASE_MS", LEASE_MS);
    // For tests that start and kill edges and runners of their own.
    cargo.env("XTASK_BIN", std::env::current_exe()?);
    // For tests that let others' clients speak for themselves.
    cargo.env("NODE_BIN", tools.node_bin()).env("PYTHONPATH", python::packages(workspace)?);
    cargo.env("RUNNER_BIN", &binary).env("RUNNER_MODEL", model);
    tests(cargo, args, count, stop)
}

fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = setup::cargo(workspace);
    cargo.args(["test", "--no-fail-fast"]);
    cargo
}

/// Runs cargo's tests, passing their output on and counting. False when cargo says that something is wrong, which is
/// also the case when nothing could be built.
fn tests(mut cargo: Command, args: &Args, count: &mut Count, stop: &Stop) -> Result<bool> {
    cargo.args(args.filter.as_slice()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut group = Group::spawn(&mut cargo)?;
    let output = group.stdout().context("cargo has a standard output")?;
    let reader = thread::spawn(move || {
        let mut count = Count::default();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            let more = counted(&line).unwrap_or_default();
            count = Count { passed: count.passed + more.passed, failed: count.failed + more.failed };
        }
        count
    });
    let status = loop {
        if let Some(status) = group.ended() {
            break status;
        }
        ensure!(!stop.wait(Duration::from_millis(100)), "stopped");
    };
    let more = reader.join().ok().context("reading cargo's output panicked")?;
    count.passed += more.passed;
    count.failed += more.failed;
    Ok(status.success())
}

/// The numbers of a line `test result: ok. 3 passed; 0 failed; …`.
fn counted(line: &str) -> Option<Count> {
    let rest = line.trim().strip_prefix("test result: ")?;
    let number = |what: &str| {
        let before = rest.split(';').find_map(|part| part.trim().strip_suffix(what))?;
        before.split_whitespace().next_back()?.parse().ok()
    };
    Some(Count { passed: number("passed")?, failed: number("failed")? })
}

/// A folder in memory where there is such a place (the emulation of D1 syncs each write), gone when dropped.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let path = parent.join(format!("easel-test-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(counted(line), Some(Count { passed: 12, failed: 3 }));
        assert_eq!(counted("test result: ok. 0 passed; 0 failed;"), Some(Count::default()));
        assert_eq!(counted("running 12 tests"), None);
        assert_eq!(counted("test result: ok."), None);
    }
}

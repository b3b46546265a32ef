//! `cargo xtask test`: native tests, then the end-to-end tests of the crate `tests` on workerd with a runner. The last
//! line of output counts all of them.

mod test_count;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use test_count::TestCount;

use crate::support::build_profile::BuildProfile;
use crate::support::edge_process::{EdgeOptions, EdgeProcess};
use crate::support::process_group::ProcessGroup;
use crate::support::runner::{self, Runner};
use crate::support::scratch_dir::ScratchDir;
use crate::support::setup::python;
use crate::support::shutdown::ShutdownSignal;
use crate::support::spin_host::{self, SpinHost};
use crate::support::workspace::Workspace;
use crate::support::{admin_api, command, dev_secrets, functions_build, setup};

/// The crate of the end-to-end tests.
const END_TO_END_CRATE: &str = "tests";
/// Duration of a task lease in tests: the task of a dead runner is free again after so many milliseconds.
const LEASE_MS: &str = "5000";

#[derive(clap::Args)]
pub struct Args {
    /// Run only the native tests
    #[arg(long, conflicts_with = "e2e")]
    native: bool,
    /// Run only the end-to-end tests
    #[arg(long)]
    e2e: bool,
    /// Run only tests whose name contains this text
    filter: Option<String>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut count = TestCount::default();
    let mut succeeded = true;
    let shutdown = ShutdownSignal::on_signals()?;
    if !args.e2e {
        let mut cargo = cargo_test(workspace);
        cargo.args(["--workspace", "--exclude", END_TO_END_CRATE]);
        succeeded &= run_tests(cargo, args, &mut count, &shutdown)?;
    }
    if !args.native {
        succeeded &= run_end_to_end(workspace, args, &mut count, &shutdown)?;
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    ensure!(succeeded && count.failed == 0, "not all tests passed");
    Ok(())
}

/// Builds and starts everything the end-to-end tests talk to, then runs them.
fn run_end_to_end(
    workspace: &Workspace,
    args: &Args,
    count: &mut TestCount,
    shutdown: &ShutdownSignal,
) -> Result<bool> {
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Dev)?;
    // The native tests have just built the runner. A build of it alone would select other cargo features and compile
    // candle a second time.
    let executable = if args.e2e { runner::build(workspace)? } else { runner::executable(workspace) };
    let scratch = ScratchDir::new()?;
    let vars = BTreeMap::from([("LEASE_MS".to_owned(), LEASE_MS.to_owned())]);
    let options = EdgeOptions { port: 0, state: scratch.path().join("edge"), profile: BuildProfile::Dev, vars };
    let edge = EdgeProcess::start(workspace, &tools, &options, shutdown)?;
    admin_api::log_in(&edge.url)?;
    let model = runner::tiny_model(&executable, scratch.path())?;
    let _runner = Runner::start(&executable, &edge.url, &model, &scratch.path().join("models"))?;

    spin_host::build(workspace)?;
    let spin = SpinHost::start(workspace, &tools, &workspace.target.join("spin"), shutdown).context("the Spin host")?;

    let mut cargo = cargo_test(workspace);
    cargo.args(["-p", END_TO_END_CRATE]).envs(dev_secrets::all());
    cargo.env("BASE_URL", &edge.url).env("SPIN_URL", &spin.url).env("LEASE_MS", LEASE_MS);
    // For tests that start and kill edges and runners of their own.
    cargo.env("XTASK_BIN", &workspace.xtask).env("RUNNER_BIN", &executable).env("RUNNER_MODEL", model);
    // For tests with clients in JavaScript and Python.
    cargo.env("NODE_BIN", tools.node_path()).env("PYTHONPATH", python::install(workspace)?);
    run_tests(cargo, args, count, shutdown)
}

fn cargo_test(workspace: &Workspace) -> Command {
    let mut cargo = command::cargo(workspace);
    cargo.args(["test", "--no-fail-fast"]);
    cargo
}

/// Runs cargo's tests, prints their output and adds to `count`. Returns whether cargo succeeded; a failed build is not
/// in the count.
fn run_tests(mut cargo: Command, args: &Args, count: &mut TestCount, shutdown: &ShutdownSignal) -> Result<bool> {
    cargo.args(args.filter.as_slice()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut group = ProcessGroup::spawn(&mut cargo)?;
    let output = group.take_stdout().context("cargo's standard output is not piped")?;
    let reader = thread::spawn(move || {
        let mut count = TestCount::default();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            count += TestCount::from_line(&line).unwrap_or_default();
        }
        count
    });
    let status = loop {
        if let Some(status) = group.exit_status() {
            break status;
        }
        ensure!(!shutdown.wait(Duration::from_millis(100)), "stopped");
    };
    *count += reader.join().ok().context("reading cargo's output panicked")?;
    Ok(status.success())
}

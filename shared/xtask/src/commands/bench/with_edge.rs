//! Runs a benchmark program of the crate `tests` against the edge. That crate has WebSocket clients and can act as a
//! runner or start real ones, so no runner is started here.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::support::build_profile::BuildProfile;
use crate::support::edge_process::{EdgeOptions, EdgeProcess};
use crate::support::scratch_dir::ScratchDir;
use crate::support::shutdown::ShutdownSignal;
use crate::support::workspace::Workspace;
use crate::support::{admin_api, command, dev_secrets, functions_build, runner, setup};

/// Starts the optimised edge and runs `tests/benches/{bench}.rs` with `args`.
///
/// # Errors
/// The program fails, for example because its limit is not met.
pub fn run(workspace: &Workspace, bench: &str, args: &[String]) -> Result<()> {
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Release)?;
    let executable = runner::build(workspace)?;
    let scratch = ScratchDir::new()?;
    // Enough points for every new user to pay all tasks of the benchmark.
    let vars = BTreeMap::from([("SIGNUP_POINTS".to_owned(), "1000000".to_owned())]);
    let options = EdgeOptions { port: 0, state: scratch.path().join("edge"), profile: BuildProfile::Release, vars };
    let edge = EdgeProcess::start(workspace, &tools, &options, &ShutdownSignal::default())?;
    admin_api::log_in(&edge.url)?;
    let mut cargo = command::cargo(workspace);
    // `cargo test --bench` uses the dev profile. It optimises dependencies, which is enough for the client's CPU time.
    cargo.args(["test", "--quiet", "--package", "tests", "--bench", bench, "--"]).args(args);
    cargo.envs(dev_secrets::all()).env("BASE_URL", &edge.url);
    cargo.env("RUNNER_BIN", &executable).env("RUNNER_MODEL", runner::tiny_model(&executable, scratch.path())?);
    ensure!(cargo.status()?.success(), "the limit is not met");
    Ok(())
}

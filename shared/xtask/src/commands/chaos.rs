//! `cargo xtask chaos`: load on an edge with several runners, all killed again and again, on a network that loses,
//! repeats and reorders messages. Afterwards every rule of tasks and points is checked in the database.
//!
//! The program is in the crate `tests`, whose tests run a short form of it. It prints its figures and fails when a rule
//! was broken.

use anyhow::{Result, ensure};

use crate::support::build_profile::BuildProfile;
use crate::support::scratch_dir::ScratchDir;
use crate::support::workspace::Workspace;
use crate::support::{command, dev_secrets, functions_build, runner, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Random seed of submissions, lost messages and kills
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of acknowledged tasks
    #[arg(long, default_value_t = 2000)]
    tasks: u32,
    /// Number of SIGKILLs; every third one kills the whole edge, the others a runner
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Seconds after which no more tasks are submitted
    #[arg(long, default_value_t = 1800)]
    seconds: u32,
    /// Duration of a task lease in milliseconds
    #[arg(long, default_value_t = 2500)]
    lease_ms: u32,
    /// Measure only the time from a runner's death to the next claim of its task, this many times, with the usual lease
    #[arg(long, value_name = "TIMES")]
    reclaim: Option<u64>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Dev)?;
    let executable = runner::build(workspace)?;
    let scratch = ScratchDir::new()?;
    let mut cargo = command::cargo(workspace);
    cargo.args(["run", "--quiet", "--package", "tests", "--bin", "chaos", "--"]);
    let numbers = match args.reclaim {
        Some(times) => vec![times],
        None => vec![args.seed, args.tasks.into(), args.kills.into(), args.seconds.into(), args.lease_ms.into()],
    };
    cargo.args(numbers.iter().map(u64::to_string));
    cargo.envs(dev_secrets::all()).env("XTASK_BIN", &workspace.xtask);
    cargo.env("RUNNER_BIN", &executable).env("RUNNER_MODEL", runner::tiny_model(&executable, scratch.path())?);
    ensure!(cargo.status()?.success(), "a rule was broken");
    Ok(())
}

//! `cargo xtask chaos`: users, runners and the edge, the latter two killed again and again, on a network that loses, doubles
//! and reorders; then every rule of tasks and points is looked at in the database. It prints its figures and fails when
//! a rule was broken. The work is done by the `tests` crate, whose tests run a short form.

use anyhow::{Result, ensure};

use crate::edge::secrets;
use crate::test::Scratch;
use crate::workspace::Workspace;
use crate::{build, runner, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Decides what is submitted, lost, doubled and killed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tasks to be acknowledged
    #[arg(long, default_value_t = 2000)]
    tasks: u32,
    /// SIGKILLs, every third of the whole edge, the others of runners
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Nothing more is submitted after so long
    #[arg(long, default_value_t = 1800)]
    seconds: u32,
    /// How long a lease holds
    #[arg(long, default_value_t = 2500)]
    lease_ms: u32,
    /// Nothing of that: kill a runner so often, and tell how soon another has its task with the usual lease
    #[arg(long, value_name = "TIMES")]
    reclaim: Option<u64>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    build::run(workspace, &tools, &workspace.select(&[])?, false)?;
    let binary = runner::build(workspace)?;
    let state = Scratch::new()?;
    let mut cargo = setup::cargo(workspace);
    cargo.args(["run", "--quiet", "--package", "tests", "--bin", "chaos", "--"]);
    let numbers = match args.reclaim {
        Some(times) => vec![times],
        None => vec![args.seed, args.tasks.into(), args.kills.into(), args.seconds.into(), args.lease_ms.into()],
    };
    cargo.args(numbers.iter().map(u64::to_string));
    cargo.envs(secrets()).env("XTASK_BIN", std::env::current_exe()?);
    cargo.env("RUNNER_BIN", &binary).env("RUNNER_MODEL", runner::tiny_model(&binary, &state.0)?);
    ensure!(cargo.status()?.success(), "not everything held");
    Ok(())
}

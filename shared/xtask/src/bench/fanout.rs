//! `cargo xtask bench fanout`: the optimised edge without a runner, and the bench of the `tests` crate against it, which
//! opens the sockets and is the runner.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::edge::{Edge, Options, secrets};
use crate::process::Stop;
use crate::setup;
use crate::test::Scratch;
use crate::workspace::Workspace;
use crate::{build, dev};

#[derive(clap::Args)]
pub struct Args {
    /// Sockets on one task
    #[arg(long, default_value_t = 1000)]
    sockets: u32,
    /// Callbacks of its runner
    #[arg(long, default_value_t = 50)]
    events: u32,
    /// Callbacks in a second
    #[arg(long, default_value_t = 10.0)]
    a_second: f64,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    build::run(workspace, &tools, &workspace.select(&[])?, true)?;
    let state = Scratch::new()?;
    let options = Options { port: 0, state: state.0.join("edge"), release: true, vars: BTreeMap::new() };
    let edge = Edge::start(workspace, &tools, &options, &Stop::default())?;
    dev::log_in(&edge.url)?;
    let mut cargo = setup::cargo(workspace);
    // Its own CPU time is part of what is measured, so its dependencies are optimised; that much the dev profile does.
    cargo.args(["test", "--quiet", "--package", "tests", "--bench", "fanout", "--"]);
    cargo.args([args.sockets.to_string(), args.events.to_string(), args.a_second.to_string()]);
    let status = cargo.envs(secrets()).env("BASE_URL", &edge.url).status()?;
    ensure!(status.success(), "frames were lost");
    Ok(())
}

//! The optimised edge without a runner, and a bench of the `tests` crate against it, which does the rest: it has the
//! sockets, and it can be a runner or start some.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::edge::{Edge, Options, secrets};
use crate::process::Stop;
use crate::test::Scratch;
use crate::workspace::Workspace;
use crate::{build, dev, runner, setup};

/// Fails when the bench says that its bar is not met.
pub fn run(workspace: &Workspace, bench: &str, args: &[String]) -> Result<()> {
    let tools = setup::run(workspace)?;
    build::run(workspace, &tools, &workspace.select(&[])?, true)?;
    let binary = runner::build(workspace)?;
    let state = Scratch::new()?;
    // Whoever signs up can pay for all that is to be measured.
    let vars = BTreeMap::from([("SIGNUP_POINTS".to_owned(), "1000000".to_owned())]);
    let options = Options { port: 0, state: state.0.join("edge"), release: true, vars };
    let edge = Edge::start(workspace, &tools, &options, &Stop::default())?;
    dev::log_in(&edge.url)?;
    let mut cargo = setup::cargo(workspace);
    // Its own CPU time is part of what is measured, so its dependencies are optimised; that much the dev profile does.
    cargo.args(["test", "--quiet", "--package", "tests", "--bench", bench, "--"]).args(args);
    cargo.envs(secrets()).env("BASE_URL", &edge.url);
    cargo.env("RUNNER_BIN", &binary).env("RUNNER_MODEL", runner::tiny_model(&binary, &state.0)?);
    ensure!(cargo.status()?.success(), "the bar is not met");
    Ok(())
}

//! `cargo xtask starter …`: the starter model's own program, the crate `starter`, with all arguments passed on.

use anyhow::Result;

use crate::support::command::{cargo, run_visibly};
use crate::support::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Arguments of the program; `--help` lists its commands
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Builds the program in release mode, on the first use, and runs it.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut cargo = cargo(workspace);
    cargo.args(["run", "--release", "--quiet", "--package", "starter", "--"]).args(&args.arguments);
    run_visibly(&mut cargo)
}

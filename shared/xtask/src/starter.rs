//! `cargo xtask starter …`: the starter model's own program, built for speed only when it is asked for.

use anyhow::Result;
use clap::Args as ClapArgs;

use crate::setup::{cargo, shown};
use crate::workspace::Workspace;

#[derive(ClapArgs)]
pub struct Args {
    /// `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    shown(cargo(workspace).args(["run", "--release", "--quiet", "--package", "starter", "--"]).args(&args.arguments))
}

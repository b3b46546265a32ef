//! `cargo xtask bench submit`: from the submission of a task to the frame that says it runs, with a runner that is free.

use anyhow::Result;

use super::driven;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Tasks, one after the other
    #[arg(long, default_value_t = 120)]
    tasks: u32,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    driven::run(workspace, "submit", &[args.tasks.to_string()])
}

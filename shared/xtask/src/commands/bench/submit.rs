//! `cargo xtask bench submit`: latency from the submission of a task to the frame that reports it running, with an idle
//! runner.

use anyhow::Result;

use super::with_edge;
use crate::support::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Number of tasks, submitted one after the other
    #[arg(long, default_value_t = 120)]
    tasks: u32,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    with_edge::run(workspace, "submit", &[args.tasks.to_string()])
}

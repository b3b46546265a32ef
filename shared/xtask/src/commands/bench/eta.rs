//! `cargo xtask bench eta`: the `eta_seconds` of tasks at submission against their real duration, under steady load.

use anyhow::Result;

use super::with_edge;
use crate::support::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Number of tasks of all users together
    #[arg(long, default_value_t = 42)]
    tasks: u32,
    /// Number of users, who submit in turns
    #[arg(long, default_value_t = 3)]
    users: u32,
    /// Number of runners
    #[arg(long, default_value_t = 2)]
    runners: u32,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    with_edge::run(workspace, "eta", &[args.tasks, args.users, args.runners].map(|number| number.to_string()))
}

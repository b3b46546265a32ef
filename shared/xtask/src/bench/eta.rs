//! `cargo xtask bench eta`: what tasks were promised at their submission, against how long they took, under steady load.

use anyhow::Result;

use super::driven;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Tasks of all users together
    #[arg(long, default_value_t = 42)]
    tasks: u32,
    /// Who submit them in turns
    #[arg(long, default_value_t = 3)]
    users: u32,
    /// Who draw them
    #[arg(long, default_value_t = 2)]
    runners: u32,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    driven::run(workspace, "eta", &[args.tasks, args.users, args.runners].map(|number| number.to_string()))
}

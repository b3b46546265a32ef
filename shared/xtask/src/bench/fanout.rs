//! `cargo xtask bench fanout`: many sockets on one task.

use anyhow::Result;

use super::driven;
use crate::workspace::Workspace;

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
    let args = [args.sockets.to_string(), args.events.to_string(), args.a_second.to_string()];
    driven::run(workspace, "fanout", &args)
}

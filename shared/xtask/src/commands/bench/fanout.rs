//! `cargo xtask bench fanout`: latency of events to many sockets on one task.

use anyhow::Result;

use super::with_edge;
use crate::support::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Number of sockets on one task
    #[arg(long, default_value_t = 1000)]
    sockets: u32,
    /// Number of callbacks of the runner
    #[arg(long, default_value_t = 50)]
    events: u32,
    /// Callbacks per second
    #[arg(long, default_value_t = 10.0)]
    per_second: f64,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let args = [args.sockets.to_string(), args.events.to_string(), args.per_second.to_string()];
    with_edge::run(workspace, "fanout", &args)
}

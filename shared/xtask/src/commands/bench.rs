//! `cargo xtask bench …`: measurements on this machine. Each prints its figures; some fail when a limit is not met.

mod cold;
mod cpu_time;
mod eta;
mod fanout;
mod hono_baseline;
mod list;
mod queue;
mod rows;
mod stats;
mod submit;
mod with_edge;

use anyhow::Result;
use clap::Subcommand;

use crate::support::workspace::Workspace;

/// Benchmarks of the platform on this machine
#[derive(Subcommand)]
pub enum Bench {
    /// CPU time of a list of 20 rows from 10,000: our function against hono and D1 in the same workerd
    List(list::Args),
    /// Latency from a runner's callback to 1,000 sockets on one task, and lost events
    Fanout(fanout::Args),
    /// Rows that D1 reads for each list and its time, with 10,000 and with 1,000,000 images
    Rows(rows::Args),
    /// Messages pulled and acknowledged per second, with and without a backlog of 50,000
    Queue(queue::Args),
    /// Latency from the submission of a task to the frame that reports it running
    Submit(submit::Args),
    /// The `eta_seconds` of tasks at submission against their real duration
    Eta(eta::Args),
    /// Latency of each function's first reply after a start, and of the next one
    Cold(cold::Args),
}

pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::List(args) => list::run(workspace, args),
        Bench::Fanout(args) => fanout::run(workspace, args),
        Bench::Rows(args) => rows::run(workspace, args),
        Bench::Queue(args) => queue::run(workspace, args),
        Bench::Submit(args) => submit::run(workspace, args),
        Bench::Eta(args) => eta::run(workspace, args),
        Bench::Cold(args) => cold::run(workspace, args),
    }
}

//! `cargo xtask bench …`: measurements of the platform on one's own machine, each against a bar of its own.

mod cold;
mod cpu;
mod driven;
mod eta;
mod fanout;
mod hono;
mod list;
mod queue;
mod samples;
mod submit;

use anyhow::Result;
use clap::Subcommand;

use crate::workspace::Workspace;

#[derive(Subcommand)]
pub enum Bench {
    /// CPU time of a list of 20 from 10,000 tags, our function against hono + D1 in the same workerd
    List(list::Args),
    /// 1,000 sockets on one task: events lost, and the time from a runner's callback to the frame
    Fanout(fanout::Args),
    /// Messages pulled and acknowledged in a second, also with 50,000 behind them
    Queue(queue::Args),
    /// From the submission of a task to the frame that says it runs
    Submit(submit::Args),
    /// What tasks were promised at their submission, against how long they took
    Eta(eta::Args),
    /// The first reply of each function after a start, and the one after it
    Cold(cold::Args),
}

pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::List(args) => list::run(workspace, args),
        Bench::Fanout(args) => fanout::run(workspace, args),
        Bench::Queue(args) => queue::run(workspace, args),
        Bench::Submit(args) => submit::run(workspace, args),
        Bench::Eta(args) => eta::run(workspace, args),
        Bench::Cold(args) => cold::run(workspace, args),
    }
}

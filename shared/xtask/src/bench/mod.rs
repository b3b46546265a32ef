//! `cargo xtask bench …`: measurements of the platform on one's own machine, each against a bar of its own.

mod cpu;
mod list;

use anyhow::Result;
use clap::Subcommand;

use crate::workspace::Workspace;

#[derive(Subcommand)]
pub enum Bench {
    /// CPU time of a list of 20 from 10,000 tags, our function against hono + D1 in the same workerd
    List(list::Args),
}

pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::List(args) => list::run(workspace, args),
    }
}

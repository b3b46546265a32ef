//! `cargo xtask bench cold`: latency of a function's first reply after a start of the edge, against its next reply.
//! The gateway is warmed up first, because in production it is warm for nearly every function.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::stats::median;
use crate::support::build_profile::BuildProfile;
use crate::support::edge_process::{EdgeOptions, EdgeProcess};
use crate::support::scratch_dir::ScratchDir;
use crate::support::shutdown::ShutdownSignal;
use crate::support::workspace::Workspace;
use crate::support::{functions_build, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Number of starts of the edge
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    let functions = workspace.select(&[])?;
    functions_build::run(workspace, &tools, &functions, BuildProfile::Release)?;
    let scratch = ScratchDir::new()?;
    let routes: Vec<&String> = functions.iter().flat_map(|function| &function.metadata.routes).collect();
    let mut times: BTreeMap<&str, (Vec<Duration>, Vec<Duration>)> = BTreeMap::new();
    for round in 0..args.rounds {
        let state = scratch.path().join(format!("edge{round}"));
        let options = EdgeOptions { port: 0, state, profile: BuildProfile::Release, vars: BTreeMap::new() };
        let edge = EdgeProcess::start(workspace, &tools, &options, &ShutdownSignal::default())?;
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let timed_get = |path: &str| -> Result<Duration> {
            let begun = Instant::now();
            let mut reply = agent.get(format!("{}{path}", edge.url)).call().context("the edge does not answer")?;
            reply.body_mut().read_to_vec()?;
            Ok(begun.elapsed())
        };
        timed_get("/healthz")?;
        for route in &routes {
            let (first, next) = times.entry(route).or_default();
            first.push(timed_get(route)?);
            next.push(timed_get(route)?);
        }
    }
    println!("{:<16}{:>10}{:>10}  ms, median of {}", "route", "first", "next", args.rounds);
    for (route, (first, next)) in times {
        println!("{route:<16}{:>10.1}{:>10.1}", median_ms(first), median_ms(next));
    }
    Ok(())
}

/// The median in milliseconds.
fn median_ms(times: Vec<Duration>) -> f64 {
    median(times).as_secs_f64() * 1e3
}

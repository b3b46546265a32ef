//! `cargo xtask bench cold`: how long the first reply of a function takes that was never called, against its next one.
//! Each round starts the edge anew; the gateway is warmed up first, as it is for every function but the first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::samples::median;
use crate::edge::{Edge, Options};
use crate::process::Stop;
use crate::test::Scratch;
use crate::workspace::Workspace;
use crate::{build, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Starts of the edge
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    let functions = workspace.select(&[])?;
    build::run(workspace, &tools, &functions, true)?;
    let state = Scratch::new()?;
    let routes: Vec<&String> = functions.iter().flat_map(|f| &f.spec.routes).collect();
    let mut times: BTreeMap<&str, (Vec<Duration>, Vec<Duration>)> = BTreeMap::new();
    for round in 0..args.rounds {
        let state = state.0.join(format!("edge{round}"));
        let options = Options { port: 0, state, release: true, vars: BTreeMap::new() };
        let edge = Edge::start(workspace, &tools, &options, &Stop::default())?;
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let timed = |path: &str| -> Result<Duration> {
            let begun = Instant::now();
            agent
                .get(format!("{}{path}", edge.url))
                .call()
                .context("the edge does not answer")?
                .body_mut()
                .read_to_vec()?;
            Ok(begun.elapsed())
        };
        timed("/healthz")?;
        for route in &routes {
            let (first, next) = times.entry(route).or_default();
            first.push(timed(route)?);
            next.push(timed(route)?);
        }
    }
    println!("{:<16}{:>10}{:>10}  ms, median of {}", "route", "first", "next", args.rounds);
    for (route, (first, next)) in times {
        println!("{route:<16}{:>10.1}{:>10.1}", milliseconds(first), milliseconds(next));
    }
    Ok(())
}

fn milliseconds(times: Vec<Duration>) -> f64 {
    median(times).as_secs_f64() * 1e3
}

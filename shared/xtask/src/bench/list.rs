//! `cargo xtask bench list`: the CPU time workerd needs per list request, ours against hono's, in turns, so that whatever
//! else the machine does meets both.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::samples::median;
use super::{cpu, hono};
use crate::build;
use crate::edge::{Direct, Edge, Options};
use crate::process::Stop;
use crate::setup;
use crate::test::Scratch;
use crate::workspace::Workspace;

const PATH: &str = "/api/tags?page_size=20";
/// Requests under way at once.
const CLIENTS: usize = 4;

#[derive(clap::Args)]
pub struct Args {
    /// Rows in the table
    #[arg(long, default_value_t = 10_000)]
    rows: u32,
    /// Turns each side has
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Requests of a turn
    #[arg(long, default_value_t = 400)]
    requests: usize,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    build::run(workspace, &tools, &workspace.select(&[])?, true)?;
    let state = Scratch::new()?;
    let options = Options { port: 0, state: state.0.join("edge"), release: true, vars: BTreeMap::new() };
    let ours = Direct::of(workspace.function("tags")?.worker())?;
    let theirs = hono::beside(workspace, &tools, "list")?;
    let urls = [ours.url(), theirs.url()];
    let edge = Edge::start_with(workspace, &tools, &options, vec![ours, theirs], &Stop::on_signals()?)?;
    let workerd = cpu::child(edge.launcher(), "workerd")?;

    agent().post(format!("{}/seed/{}", urls[1], args.rows)).send_empty()?;
    let [our_list, their_list] = urls.each_ref().map(|url| page(&format!("{url}{PATH}")));
    let (our_list, their_list) = (our_list?, their_list?);
    ensure!(our_list["list"] == their_list["list"], "the two lists differ: {our_list} {their_list}");
    ensure!(our_list["total"] == args.rows, "{} rows instead of {}", our_list["total"], args.rows);

    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..=args.rounds {
        for (url, samples) in urls.iter().zip(&mut samples) {
            let before = cpu::used(workerd)?;
            load(&format!("{url}{PATH}"), args.requests)?;
            let used = cpu::used(workerd)?.saturating_sub(before);
            // The first turn warms up.
            if round > 0 {
                samples.push(used / u32::try_from(args.requests)?);
            }
        }
    }
    let [ours, theirs] = samples.map(median);
    println!("list of 20 from {} rows, CPU of workerd per request, median of {} turns", args.rows, args.rounds);
    println!("  ours {:>7.1} µs\n  hono {:>7.1} µs", micros(ours), micros(theirs));
    println!("  ratio {:.2}", micros(ours) / micros(theirs));
    Ok(())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into()
}

fn page(url: &str) -> Result<Value> {
    Ok(agent().get(url).call()?.body_mut().read_json()?)
}

/// So many requests over kept connections.
fn load(url: &str, requests: usize) -> Result<()> {
    let client = || -> Result<()> {
        let agent = agent();
        for _ in 0..requests / CLIENTS {
            agent.get(url).call()?.body_mut().read_to_vec()?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a client panicked")?)
    })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

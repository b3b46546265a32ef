//! `cargo xtask bench list`: CPU time of workerd per list request, for our function and for hono.
//!
//! The two are measured alternately, so that other load on the machine affects both.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::stats::median;
use super::{cpu_time, hono_baseline};
use crate::support::build_profile::BuildProfile;
use crate::support::edge_process::{DirectWorker, EdgeOptions, EdgeProcess};
use crate::support::scratch_dir::ScratchDir;
use crate::support::shutdown::ShutdownSignal;
use crate::support::workspace::Workspace;
use crate::support::{functions_build, setup};

const PATH: &str = "/api/tags?page_size=20";
/// Number of concurrent clients.
const CLIENTS: usize = 4;

#[derive(clap::Args)]
pub struct Args {
    /// Number of rows in the table
    #[arg(long, default_value_t = 10_000)]
    rows: u32,
    /// Number of rounds
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Requests per round
    #[arg(long, default_value_t = 400)]
    requests: usize,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Release)?;
    let scratch = ScratchDir::new()?;
    let state = scratch.path().join("edge");
    let options = EdgeOptions { port: 0, state, profile: BuildProfile::Release, vars: BTreeMap::new() };
    let ours = DirectWorker::of_function(workspace.function("tags")?.worker_name())?;
    let hono = hono_baseline::bundle(workspace, &tools, "list")?;
    let urls = [ours.url(), hono.url()];
    let workers = vec![ours, hono];
    let shutdown = ShutdownSignal::on_signals()?;
    let edge = EdgeProcess::start_with_direct_workers(workspace, &tools, &options, workers, &shutdown)?;
    let workerd = cpu_time::child_process(edge.launcher_id(), "workerd")?;

    agent().post(format!("{}/seed/{}", urls[1], args.rows)).send_empty()?;
    let [our_page, hono_page] = urls.each_ref().map(|url| get_page(&format!("{url}{PATH}")));
    let (our_page, hono_page) = (our_page?, hono_page?);
    ensure!(our_page["list"] == hono_page["list"], "the two lists differ: {our_page} {hono_page}");
    ensure!(our_page["total"] == args.rows, "{} rows instead of {}", our_page["total"], args.rows);

    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..=args.rounds {
        for (url, samples) in urls.iter().zip(&mut samples) {
            let before = cpu_time::used_by(workerd)?;
            send_requests(&format!("{url}{PATH}"), args.requests)?;
            let used = cpu_time::used_by(workerd)?.saturating_sub(before);
            // Round 0 is for warming up.
            if round > 0 {
                samples.push(used / u32::try_from(args.requests)?);
            }
        }
    }
    let [ours, hono] = samples.map(|samples| median(samples).as_secs_f64() * 1e6);
    println!("list of 20 from {} rows, CPU of workerd per request, median of {} rounds", args.rows, args.rounds);
    println!("  ours {ours:>7.1} µs\n  hono {hono:>7.1} µs");
    println!("  ratio {:.2}", ours / hono);
    Ok(())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into()
}

fn get_page(url: &str) -> Result<Value> {
    Ok(agent().get(url).call()?.body_mut().read_json()?)
}

/// Sends GET requests from [`CLIENTS`] threads, each with one keep-alive connection.
fn send_requests(url: &str, requests: usize) -> Result<()> {
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

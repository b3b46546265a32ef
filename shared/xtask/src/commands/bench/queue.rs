//! `cargo xtask bench queue`: messages pulled and acknowledged per second, in batches of 100, by concurrent consumers
//! through the entry, as runners reach the queue.
//!
//! Three queues are measured alternately, so that other load on the machine affects all of them: an empty one, one with
//! a backlog, and a minimal queue written with hono and D1.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::stats::median;
use super::{cpu_time, hono_baseline};
use crate::support::build_profile::BuildProfile;
use crate::support::edge_process::{EdgeOptions, EdgeProcess};
use crate::support::scratch_dir::ScratchDir;
use crate::support::shutdown::ShutdownSignal;
use crate::support::workspace::Workspace;
use crate::support::{dev_secrets, functions_build, setup};

/// Number of concurrent consumers.
const CONSUMERS: usize = 4;
/// Messages per call: the queue's maximum.
const BATCH: usize = 100;
/// Minimum rate, in messages pulled and acknowledged per second.
const MIN_RATE: f64 = 2000.0;

#[derive(clap::Args)]
pub struct Args {
    /// Messages per round, in hundreds
    #[arg(long, default_value_t = 20)]
    hundreds: usize,
    /// Number of rounds
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Messages of the backlog, in hundreds
    #[arg(long, default_value_t = 500)]
    backlog: usize,
}

/// A queue under test and the times of its rounds.
struct MeasuredQueue {
    label: &'static str,
    url: String,
    wall_times: Vec<Duration>,
    cpu_times: Vec<Duration>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Release)?;
    let scratch = ScratchDir::new()?;
    let state = scratch.path().join("edge");
    let options = EdgeOptions { port: 0, state, profile: BuildProfile::Release, vars: BTreeMap::new() };
    let hono = hono_baseline::bundle(workspace, &tools, "queue")?;
    let hono_url = hono.url();
    let shutdown = ShutdownSignal::on_signals()?;
    let edge = EdgeProcess::start_with_direct_workers(workspace, &tools, &options, vec![hono], &shutdown)?;
    let workerd = cpu_time::child_process(edge.launcher_id(), "workerd")?;

    let url = |name| format!("{}/client/v4/accounts/local/queues/{name}/messages", edge.url);
    let queue = |label, url| MeasuredQueue { label, url, wall_times: Vec::new(), cpu_times: Vec::new() };
    let mut queues = [
        queue("empty queue", url("inference")),
        queue("queue with a backlog", url("training")),
        queue("hono, leases only", hono_url),
    ];
    push(&queues[1].url, args.backlog)?;
    for round in 0..=args.rounds {
        for queue in &mut queues {
            push(&queue.url, args.hundreds)?;
            let (begun, before) = (Instant::now(), cpu_time::used_by(workerd)?);
            drain(&queue.url, args.hundreds)?;
            let (wall, cpu) = (begun.elapsed(), cpu_time::used_by(workerd)?.saturating_sub(before));
            // Round 0 is for warming up.
            if round > 0 {
                queue.wall_times.push(wall);
                queue.cpu_times.push(cpu);
            }
        }
    }
    let [empty, backlog] = [&queues[0], &queues[1]].map(|queue| message_count(&queue.url));
    ensure!((empty?, backlog?) == (0, args.backlog * BATCH), "messages were lost or delivered twice");
    report(queues, args)
}

fn report(queues: [MeasuredQueue; 3], args: &Args) -> Result<()> {
    let messages = args.hundreds * BATCH;
    println!(
        "pull and ack, {CONSUMERS} consumers, batches of {BATCH}, median of {} rounds of {messages} messages",
        args.rounds
    );
    let rates = queues.map(|queue| {
        let rate = messages as f64 / median(queue.wall_times).as_secs_f64();
        let cpu = median(queue.cpu_times).as_secs_f64() * 1e6 / messages as f64;
        println!("  {:<24}{rate:>8.0} messages per second, {cpu:>5.1} µs of workerd's CPU each", queue.label);
        rate
    });
    let [empty, backlog, hono] = rates;
    println!("  rate with {} messages behind: ratio {:.2}", args.backlog * BATCH, backlog / empty);
    println!("  rate against hono: ratio {:.2}", empty / hono);
    ensure!(empty.min(backlog) >= MIN_RATE, "the minimum is {MIN_RATE} messages per second");
    Ok(())
}

/// Pushes `hundreds` × 100 messages like those for runners.
fn push(queue: &str, hundreds: usize) -> Result<()> {
    let messages: Vec<Value> =
        (0..BATCH).map(|i| json!({"body": format!("{{\"task_id\":{}}}", 100_000 + i)})).collect();
    let (agent, body) = (agent(), json!({"messages": messages}));
    (0..hundreds).try_for_each(|_| post(&agent, &format!("{queue}/batch"), &body).map(drop))
}

/// Pulls and acknowledges `hundreds` × 100 messages. Fails when one is delivered twice.
fn drain(queue: &str, hundreds: usize) -> Result<()> {
    let batches_begun = AtomicUsize::new(0);
    let consume = || -> Result<Vec<String>> {
        let agent = agent();
        let mut ids = Vec::new();
        while batches_begun.fetch_add(1, Ordering::Relaxed) < hundreds {
            let request = json!({"batch_size": BATCH, "visibility_timeout_ms": 600_000});
            let pulled = post(&agent, &format!("{queue}/pull"), &request)?;
            let messages = pulled["messages"].as_array().context("no messages")?;
            ensure!(messages.len() == BATCH, "{} messages instead of {BATCH}", messages.len());
            let leases: Vec<Value> = messages.iter().map(|each| json!({"lease_id": each["lease_id"]})).collect();
            let acked = post(&agent, &format!("{queue}/ack"), &json!({"acks": leases}))?;
            ensure!(acked["ackCount"] == BATCH, "{acked} instead of {BATCH}");
            ids.extend(messages.iter().map(|each| each["id"].to_string()));
        }
        Ok(ids)
    };
    let ids = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONSUMERS).map(|_| scope.spawn(consume)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().ok().context("a consumer panicked")?);
        joined.collect::<Result<Vec<_>>>()
    })?;
    let ids: Vec<String> = ids.into_iter().flatten().collect();
    let distinct: HashSet<&String> = ids.iter().collect();
    ensure!(distinct.len() == ids.len(), "{} messages were delivered twice", ids.len() - distinct.len());
    Ok(())
}

/// Number of messages that the queue reports to hold.
fn message_count(queue: &str) -> Result<usize> {
    let pulled = post(&agent(), &format!("{queue}/pull"), &json!({"batch_size": 1, "visibility_timeout_ms": 0}))?;
    Ok(pulled["message_backlog_count"].as_u64().context("no backlog")?.try_into()?)
}

/// Posts JSON and returns the field `result` of the reply.
fn post(agent: &ureq::Agent, url: &str, body: &Value) -> Result<Value> {
    let bearer = format!("Bearer {}", dev_secrets::get("QUEUE_TOKEN"));
    let mut reply = agent.post(url).header("authorization", bearer).send_json(body)?;
    Ok(reply.body_mut().read_json::<Value>()?["result"].take())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into()
}

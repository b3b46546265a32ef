//! `cargo xtask bench queue`: messages pulled and acknowledged in a second, in batches of 100 by several consumers at once,
//! through the entry as runners reach it. In turns with a queue of 50,000 messages, and with the least that would do the
//! work on hono and D1, so that whatever else the machine does meets all three.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::samples::median;
use super::{cpu, hono};
use crate::edge::{Edge, Options, secret};
use crate::process::Stop;
use crate::test::Scratch;
use crate::workspace::Workspace;
use crate::{build, setup};

/// Consumers at work at once.
const CLIENTS: usize = 4;
/// Messages of one call: the most there may be.
const BATCH: usize = 100;
/// Messages pulled and acknowledged in a second, at least.
const BAR: f64 = 2000.0;

#[derive(clap::Args)]
pub struct Args {
    /// Messages of a turn, in hundreds
    #[arg(long, default_value_t = 20)]
    hundreds: usize,
    /// Turns each side has
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Messages behind those of a turn, in hundreds, where there is a backlog
    #[arg(long, default_value_t = 500)]
    backlog: usize,
}

/// One side: where its queue is, and what its turns took.
struct Side {
    what: &'static str,
    url: String,
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    build::run(workspace, &tools, &workspace.select(&[])?, true)?;
    let state = Scratch::new()?;
    let options = Options { port: 0, state: state.0.join("edge"), release: true, vars: BTreeMap::new() };
    let theirs = hono::beside(workspace, &tools, "queue")?;
    let their_url = theirs.url();
    let edge = Edge::start_with(workspace, &tools, &options, vec![theirs], &Stop::on_signals()?)?;
    let workerd = cpu::child(edge.launcher(), "workerd")?;

    let queue = |name| format!("{}/client/v4/accounts/local/queues/{name}/messages", edge.url);
    let side = |what, url| Side { what, url, wall: Vec::new(), cpu: Vec::new() };
    let mut sides = [
        side("a queue that was empty", queue("inference")),
        side("one with a backlog", queue("training")),
        side("hono, leases alone", their_url),
    ];
    push(&sides[1].url, args.backlog)?;
    for round in 0..=args.rounds {
        for side in &mut sides {
            push(&side.url, args.hundreds)?;
            let (begun, before) = (Instant::now(), cpu::used(workerd)?);
            drain(&side.url, args.hundreds)?;
            let (wall, cpu) = (begun.elapsed(), cpu::used(workerd)?.saturating_sub(before));
            // The first turn warms up.
            if round > 0 {
                side.wall.push(wall);
                side.cpu.push(cpu);
            }
        }
    }
    let [empty, deep] = [&sides[0], &sides[1]].map(|side| left(&side.url));
    ensure!((empty?, deep?) == (0, args.backlog * BATCH), "messages were lost or doubled");
    report(sides, args)
}

fn report(sides: [Side; 3], args: &Args) -> Result<()> {
    let messages = args.hundreds * BATCH;
    println!("pull and ack, {CLIENTS} consumers, batches of {BATCH}, median of {} turns of {messages}", args.rounds);
    let rates = sides.map(|side| {
        let rate = messages as f64 / median(side.wall).as_secs_f64();
        let cpu = median(side.cpu).as_secs_f64() * 1e6 / messages as f64;
        println!("  {:<24}{rate:>8.0} messages a second, {cpu:>5.1} µs of workerd's CPU each", side.what);
        rate
    });
    let [ours, deep, theirs] = rates;
    println!("  rate with {} messages behind: ratio {:.2}", args.backlog * BATCH, deep / ours);
    println!("  rate against hono: ratio {:.2}", ours / theirs);
    ensure!(ours.min(deep) >= BAR, "the bar is {BAR} a second");
    Ok(())
}

/// Pushes hundreds of messages like a runner's.
fn push(queue: &str, hundreds: usize) -> Result<()> {
    let messages: Vec<Value> =
        (0..BATCH).map(|i| json!({"body": format!("{{\"task_id\":{}}}", 100_000 + i)})).collect();
    let (agent, body) = (agent(), json!({"messages": messages}));
    (0..hundreds).try_for_each(|_| post(&agent, &format!("{queue}/batch"), &body).map(drop))
}

/// Takes hundreds of messages off a queue that has them. Fails when one comes twice.
fn drain(queue: &str, hundreds: usize) -> Result<()> {
    let begun = AtomicUsize::new(0);
    let consume = || -> Result<Vec<String>> {
        let agent = agent();
        let mut seen = Vec::new();
        while begun.fetch_add(1, Ordering::Relaxed) < hundreds {
            let asked = json!({"batch_size": BATCH, "visibility_timeout_ms": 600_000});
            let pulled = post(&agent, &format!("{queue}/pull"), &asked)?;
            let messages = pulled["messages"].as_array().context("no messages")?;
            ensure!(messages.len() == BATCH, "{} messages instead of {BATCH}", messages.len());
            let leases: Vec<Value> = messages.iter().map(|each| json!({"lease_id": each["lease_id"]})).collect();
            let acked = post(&agent, &format!("{queue}/ack"), &json!({"acks": leases}))?;
            ensure!(acked["ackCount"] == BATCH, "{acked} instead of {BATCH}");
            seen.extend(messages.iter().map(|each| each["id"].to_string()));
        }
        Ok(seen)
    };
    let seen = thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(consume)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().ok().context("a consumer panicked")?);
        joined.collect::<Result<Vec<_>>>()
    })?;
    let seen: Vec<String> = seen.into_iter().flatten().collect();
    let different: HashSet<&String> = seen.iter().collect();
    ensure!(different.len() == seen.len(), "{} messages came twice", seen.len() - different.len());
    Ok(())
}

/// How many messages a queue holds by its own account.
fn left(queue: &str) -> Result<usize> {
    let pulled = post(&agent(), &format!("{queue}/pull"), &json!({"batch_size": 1, "visibility_timeout_ms": 0}))?;
    Ok(pulled["message_backlog_count"].as_u64().context("no backlog")?.try_into()?)
}

fn post(agent: &ureq::Agent, url: &str, body: &Value) -> Result<Value> {
    let bearer = format!("Bearer {}", secret("QUEUE_TOKEN"));
    let mut answer = agent.post(url).header("authorization", bearer).send_json(body)?;
    Ok(answer.body_mut().read_json::<Value>()?["result"].take())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into()
}

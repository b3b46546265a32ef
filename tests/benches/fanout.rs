//! Many sockets on one task, and how long what its runner reports takes to reach them all. Run by `cargo xtask bench
//! fanout`, which starts the edge; arguments: sockets, events, events a second.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tests::{Account, Edge, Runner, Watch, held};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Sockets that are being opened at once.
const OPENING: usize = 32;
/// The longest a frame may take before it is called lost.
const LOST: Duration = Duration::from_secs(30);

struct Plan {
    sockets: usize,
    events: usize,
    a_second: f64,
}

impl Plan {
    fn read() -> Plan {
        let mut numbers = std::env::args().filter_map(|argument| argument.parse::<f64>().ok());
        let mut next = |default| numbers.next().unwrap_or(default);
        Plan { sockets: next(1000.0) as usize, events: next(50.0) as usize, a_second: next(10.0) }
    }
}

/// What one socket saw: when each step came, in the order they came in.
type Seen = Vec<(usize, Instant)>;

#[tokio::main]
async fn main() -> ExitCode {
    let plan = Plan::read();
    let edge = Edge::shared();
    let (ann, runner) = (edge.sign_up("ann").await, Runner::register(&edge).await);
    let task = ann.submit(&json!({"num_inference_steps": 500})).await;
    let claim = runner.claim(task).await;

    let begun = Instant::now();
    let sockets: Vec<Watch> =
        stream::iter(0..plan.sockets).map(|_| open(&ann, task)).buffer_unordered(OPENING).collect().await;
    println!("{} sockets open after {:.1} s", sockets.len(), begun.elapsed().as_secs_f64());
    let mut watchers = JoinSet::new();
    for socket in sockets {
        watchers.spawn(listen(socket, plan.events));
    }

    let mut sent = Vec::with_capacity(plan.events);
    let mut pace = interval(Duration::from_secs_f64(1.0 / plan.a_second));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for step in 1..=plan.events {
        pace.tick().await;
        sent.push(Instant::now());
        runner.progress(&held(&claim, step as i64), step as u32, 500).await;
    }
    let seen = watchers.join_all().await;
    ann.delete(&format!("/api/tasks/{task}")).send().await.expect(204);
    report(&plan, &sent, &seen)
}

async fn open(ann: &Account, task: i64) -> Watch {
    let mut watch = Watch::of(ann, &format!("/api/tasks/{task}")).await;
    watch.next().await.expect("a snapshot");
    watch
}

/// Takes frames until the last event, or until none comes.
async fn listen(mut socket: Watch, events: usize) -> Seen {
    let mut seen = Vec::with_capacity(events);
    while seen.last().is_none_or(|(step, _)| *step < events) {
        match timeout(LOST, socket.next()).await {
            Ok(Ok(frame)) => seen.extend(step(&frame).map(|step| (step, Instant::now()))),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    seen
}

fn step(frame: &Value) -> Option<usize> {
    usize::try_from(frame["data"]["step"].as_u64()?).ok()
}

fn report(plan: &Plan, sent: &[Instant], seen: &[Seen]) -> ExitCode {
    let mut delays = Vec::new();
    let (mut lost, mut disordered) = (0, 0);
    for seen in seen {
        let steps: Vec<usize> = seen.iter().map(|(step, _)| *step).collect();
        lost += (1..=plan.events).filter(|step| !steps.contains(step)).count();
        disordered += steps.windows(2).filter(|pair| pair[0] >= pair[1]).count();
        delays.extend(seen.iter().map(|(step, at)| at.duration_since(sent[step - 1])));
    }
    delays.sort();
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or_default();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{} sockets, {} events at {} a second, from the runner's call to the frame:",
        plan.sockets, plan.events, plan.a_second
    );
    println!("  lost {lost}, out of order or twice {disordered}, of {}", plan.sockets * plan.events);
    println!("  p50 {:.0} ms, p99 {:.0} ms", milliseconds(at(0.5)), milliseconds(at(0.99)));
    if lost + disordered == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! How long a task waits although a runner is free: from the submission to the frame that says it runs. Run by `cargo
//! xtask bench submit`, which starts the edge; argument: tasks.
//!
//! First this is the runner itself, asking without a pause, to see what the edge's part consists of; then the real
//! runner does it at its own pace.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Account, Edge, Runner, RunnerProcess, Watch, held, setting};

/// 95 of 100 tasks run within this.
const BAR: Duration = Duration::from_millis(250);
/// The longest pause between two tasks, so that they meet the runner anywhere between two of its looks.
const PAUSE_MS: u64 = 1000;

#[tokio::main]
async fn main() -> ExitCode {
    let tasks = std::env::args().find_map(|argument| argument.parse::<u32>().ok()).unwrap_or(120);
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;

    let mut parts = Parts::default();
    let runner = Runner::register(&edge).await;
    for _ in 0..tasks {
        by_hand(&ann, &runner, &mut parts).await;
    }
    println!("{tasks} tasks, the bench asking as fast as it can: p50, p95");
    for (part, times) in
        [("reply", parts.reply), ("hint visible", parts.hint), ("pull", parts.pull), ("claim", parts.claim)]
    {
        println!("  {part:<14}{}", figures(times));
    }

    let _runner = RunnerProcess::start_with(&edge, "bench", &[]);
    let mut random = 7_u64;
    let (mut heard, mut edges) = (Vec::new(), Vec::new());
    // The first finds the runner starting.
    for task in 0..=tasks {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis((random >> 33) % PAUSE_MS)).await;
        let (frame, row) = by_runner(&ann).await;
        if task > 0 {
            heard.push(frame);
            edges.push(row);
        }
    }
    println!("{tasks} tasks, a free runner at its own pace: p50, p95, the most");
    println!("  submit to the frame `running`   {}", figures(heard.clone()));
    println!("  the same by the edge's clock    {}", figures(edges));
    if quantile(&mut heard, 0.95) <= BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Parts {
    /// Of the submission.
    reply: Vec<Duration>,
    /// From the reply until a pull that finds the hint begins.
    hint: Vec<Duration>,
    pull: Vec<Duration>,
    claim: Vec<Duration>,
}

async fn by_hand(ann: &Account, runner: &Runner, parts: &mut Parts) {
    let begun = Instant::now();
    let task = ann.submit(&json!({})).await;
    let replied = Instant::now();
    parts.reply.push(replied - begun);
    let (asked, lease) = loop {
        let asked = Instant::now();
        let pulled = queue(&ann.edge, "pull", &json!({"batch_size": 1})).await;
        if let Some(message) = pulled["messages"].as_array().and_then(|messages| messages.first()) {
            break (asked, message["lease_id"].clone());
        }
    };
    let pulled = Instant::now();
    parts.hint.push(asked - replied);
    parts.pull.push(pulled - asked);
    let claim = runner.claim(task).await;
    parts.claim.push(pulled.elapsed());
    queue(&ann.edge, "ack", &json!({"acks": [{"lease_id": lease}]})).await;
    let failed = json!({"code": "bench", "message": "It was only measured.", "retryable": false});
    runner.say("failed", &held(&claim, 1), &failed).await.expect(200);
}

async fn queue(edge: &Edge, what: &str, body: &Value) -> Value {
    let path = format!("/client/v4/accounts/local/queues/inference/messages/{what}");
    edge.post(&path, body).bearer(&setting("QUEUE_TOKEN")).send().await.expect(200).json()["result"].take()
}

/// As its owner sees it, and as the edge noted it.
async fn by_runner(ann: &Account) -> (Duration, Duration) {
    let begun = Instant::now();
    let task = ann.submit(&json!({"num_inference_steps": 10})).await;
    let mut watch = Watch::of(ann, &format!("/api/tasks/{task}")).await;
    watch.until(|frame| frame["status"] != "waiting").await;
    let heard = begun.elapsed();
    let (frames, _) = watch.rest().await;
    let row = ann.task(task).await;
    assert_eq!(row["status"], "success", "{frames:?}");
    let time = |field: &str| row[field].as_str().and_then(domain::Millis::parse_rfc3339).map_or(0, |time| time.0);
    let waited = u64::try_from(time("started_at") - time("created_at")).unwrap_or_default();
    (heard, Duration::from_millis(waited))
}

fn figures(mut times: Vec<Duration>) -> String {
    let [p50, p95, most] = [0.5, 0.95, 1.0].map(|share| quantile(&mut times, share).as_secs_f64() * 1e3);
    format!("{p50:>7.1} ms {p95:>7.1} ms {most:>7.1} ms")
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort();
    times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

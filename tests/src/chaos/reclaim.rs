//! How long a task waits for another runner after its own was killed, with leases as long as they are by default.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::Account;
use crate::dedicated_edge::{DedicatedEdge, RunnerProcess, State};
use crate::wait::until;

/// No longer than this.
pub const BAR: Duration = Duration::from_secs(35);

/// From kill -9 of the runner to the claim of the other, each time at another moment of the sweeper's round.
pub async fn rounds(rounds: u32, state: &State) -> Vec<Duration> {
    let own = DedicatedEdge::start_with(state, 0, &[("SIGNUP_POINTS", "1000000")]);
    let ann = own.edge.sign_up("ann").await;
    let mut waits = Vec::new();
    for round in 0..rounds {
        let first = RunnerProcess::start(&own.edge, "first");
        let long = json!({"width": 256, "height": 256, "num_inference_steps": 500, "n": 8});
        let task = ann.submit(&long).await;
        drawn(&ann, task, 1).await;
        let second = RunnerProcess::start(&own.edge, "second");
        sleep(Duration::from_millis(u64::from(round) * 700)).await;
        let killed = Instant::now();
        first.kill();
        drawn(&ann, task, 2).await;
        waits.push(killed.elapsed());
        ann.post(&format!("/api/tasks/{task}/cancel"), &json!({})).send().await.expect(200);
        until("the task ends", async || (ann.task(task).await["status"] == "error").then_some(())).await;
        drop(second);
    }
    waits
}

/// Waits until this attempt runs.
async fn drawn(ann: &Account, task: i64, attempt: i64) {
    let runs = |seen: &Value| seen["status"] == "running" && seen["attempt"] == attempt;
    until("the attempt begins", async || runs(&ann.task(task).await).then_some(())).await;
}

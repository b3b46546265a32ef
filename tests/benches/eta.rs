//! Whether `eta_seconds` comes true: equal tasks by several users in turns, so many under way at any time, and runners
//! of one pace. Run by `cargo xtask bench eta`, which starts the edge; arguments: tasks, users, runners.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tests::{Account, Edge, RunnerProcess, Watch};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Tasks that wait or run at any time. So many are submitted first and not measured: what is promised goes by what was.
const UNDER_WAY: usize = 12;
/// What is promised and what is, one over the other, are at most so far apart.
const BAR: f64 = 2.0;

#[tokio::main]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let mut next = |default| numbers.next().unwrap_or(default);
    let (tasks, users, runners) = (next(42), next(3), next(2));
    let edge = Edge::shared();
    let _runners: Vec<RunnerProcess> =
        (0..runners).map(|i| RunnerProcess::start_with(&edge, &format!("bench-{i}"), &[])).collect();
    let mut accounts = Vec::new();
    for _ in 0..users {
        accounts.push(Arc::new(edge.sign_up("user").await));
    }

    let room = Arc::new(Semaphore::new(UNDER_WAY));
    let mut ends = JoinSet::new();
    for task in 0..UNDER_WAY + tasks {
        let permit = room.clone().acquire_owned().await.expect("the semaphore is open");
        let account = accounts[task % users].clone();
        let begun = Instant::now();
        let made = submit(&account).await;
        ends.spawn(async move {
            end(&account, &made).await;
            let took = begun.elapsed().as_secs_f64();
            drop(permit);
            (task, made["eta_seconds"].as_f64(), took)
        });
    }
    let mut all = ends.join_all().await;
    all.sort_by_key(|(task, ..)| *task);
    report(&all[UNDER_WAY..], users, runners)
}

async fn submit(account: &Account) -> Value {
    let task =
        json!({"prompt": "a lighthouse at dusk", "width": 64, "height": 64, "num_inference_steps": 60, "seed": 7});
    account.post("/api/tasks", &task).send().await.expect(201).json()
}

async fn end(account: &Account, made: &Value) {
    let (frames, _) = Watch::of(account, &format!("/api/tasks/{}", made["id"])).await.rest().await;
    let last = frames.last().map(|frame| frame["status"].clone());
    assert_eq!(last, Some(json!("success")), "{frames:?}");
}

fn report(measured: &[(usize, Option<f64>, f64)], users: usize, runners: usize) -> ExitCode {
    println!("{} tasks of {users} users, {UNDER_WAY} under way, {runners} runners: promised over real", measured.len());
    let ratios: Option<Vec<f64>> = measured.iter().map(|(_, promised, took)| Some((*promised)? / took)).collect();
    let Some(mut ratios) = ratios else {
        println!("  nothing was promised to some: {measured:?}");
        return ExitCode::FAILURE;
    };
    ratios.sort_by(f64::total_cmp);
    let mean = measured.iter().map(|(.., took)| took).sum::<f64>() / measured.len() as f64;
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    println!(
        "  median {:.2}, least {least:.2}, most {most:.2}; they took {mean:.1} s on average",
        ratios[ratios.len() / 2]
    );
    if least * BAR >= 1.0 && most <= BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

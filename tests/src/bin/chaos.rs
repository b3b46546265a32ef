//! The long form of chaos, run by `cargo xtask chaos`: prints its figures, fails when a rule was broken, and then
//! leaves the state to be looked at. With one argument, how often a runner is killed to see how soon another goes on.

use std::process::ExitCode;
use std::time::Duration;

use tests::State;
use tests::chaos::{self, Plan, reclaim};

/// The arguments: seed, tasks, kills, seconds, the lease in milliseconds.
fn plan(args: &[u64]) -> Option<Plan> {
    let [seed, tasks, kills, seconds, lease_ms] = *args else { return None };
    Some(Plan {
        seed,
        tasks: tasks.try_into().ok()?,
        kills: kills.try_into().ok()?,
        lease_ms: lease_ms.try_into().ok()?,
        at_most: Duration::from_secs(seconds),
        drain: Duration::from_secs(120),
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    if let [rounds] = args[..] {
        return reclaim(u32::try_from(rounds).unwrap_or(1)).await;
    }
    let Some(plan) = plan(&args) else {
        eprintln!("this is run by cargo xtask chaos");
        return ExitCode::FAILURE;
    };
    let state = State::new();
    let report = chaos::run(&plan, &state).await;
    println!("{report}");
    if report.sound() {
        return ExitCode::SUCCESS;
    }
    println!("the state is in {}", state.keep().display());
    ExitCode::FAILURE
}

async fn reclaim(rounds: u32) -> ExitCode {
    let mut sound = true;
    for wait in reclaim::rounds(rounds, &State::new()).await {
        println!("{:.1} s from kill -9 of a runner until another has its task", wait.as_secs_f64());
        sound &= wait <= reclaim::BAR;
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

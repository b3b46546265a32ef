//! The long form of chaos, run by `cargo xtask chaos`: prints its figures, fails when a rule was broken, and then leaves
//! the state to be looked at.

use std::process::ExitCode;
use std::time::Duration;

use tests::State;
use tests::chaos::{self, Plan};

/// The arguments: seed, tasks, kills, seconds, the lease in milliseconds.
fn plan() -> Option<Plan> {
    let args: Vec<u64> = std::env::args().skip(1).map(|arg| arg.parse().ok()).collect::<Option<_>>()?;
    let [seed, tasks, kills, seconds, lease_ms] = args[..] else { return None };
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
    let Some(plan) = plan() else {
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

//! Everything at once, for a short while; `cargo xtask chaos` does it for longer.

use std::time::Duration;

use tests::State;
use tests::chaos::{self, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_everything_breaks() {
    let plan = Plan {
        seed: 7,
        tasks: 80,
        kills: 6,
        lease_ms: 2500,
        at_most: Duration::from_secs(300),
        drain: Duration::from_secs(90),
    };
    let state = State::new();
    let report = chaos::run(&plan, &state).await;
    assert!(report.sound(), "{report}");
}

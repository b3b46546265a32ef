//! Waiting between attempts: longer each time, a little different for each runner, one line in the log per streak.

use std::fmt::Display;
use std::time::Duration;

use tracing::{info, warn};

use super::config::Pace;

/// A streak of failures of one kind of call.
pub struct Streak {
    /// What is failing, as the log says it: "the queue".
    of: &'static str,
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Streak {
    pub fn new(of: &'static str, pace: &Pace) -> Self {
        Self { of, first: pace.backoff, most: pace.backoff_most, failures: 0 }
    }

    /// Counts a failure; how long to wait now.
    pub fn failed(&mut self, why: impl Display) -> Duration {
        if self.failures == 0 {
            warn!(%why, "{} does not answer as it should, trying again", self.of);
        }
        self.failures = self.failures.saturating_add(1);
        let doubled = self.first.saturating_mul(1u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX));
        jitter(doubled.min(self.most))
    }

    pub fn well(&mut self) {
        if self.failures > 0 {
            info!(failures = self.failures, "{} answers again", self.of);
            self.failures = 0;
        }
    }
}

/// Between three and five quarters of `wait`, so that many runners do not come at once.
pub fn jitter(wait: Duration) -> Duration {
    // Without randomness there is only no jitter.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    wait.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most() {
        let pace = Pace { backoff: Duration::from_secs(1), backoff_most: Duration::from_secs(10), ..Pace::default() };
        let mut streak = Streak::new("the test", &pace);
        for expected in [1.0, 2.0, 4.0, 8.0, 10.0, 10.0] {
            let wait = streak.failed("told so").as_secs_f64();
            assert!((0.75 * expected..=1.25 * expected).contains(&wait), "{wait} for {expected}");
        }
        for _ in 0..100 {
            assert!(streak.failed("told so").as_secs_f64() <= 12.5);
        }
        streak.well();
        assert!(streak.failed("told so").as_secs_f64() <= 1.25);
    }
}

//! When a sample is drawn during a training.

use std::time::{Duration, Instant};

/// Samples of a training, the cover apart.
const MOST: u32 = 20;
/// The shortest time between two samples where nobody says how often.
const PAUSE: Duration = Duration::from_secs(30);

pub struct SampleSchedule {
    /// Steps; 0 for never.
    every: usize,
    pause: Duration,
    /// Steps in all.
    of: usize,
    left: u32,
    last: Option<Instant>,
}

impl SampleSchedule {
    /// After every so many steps; by default after every tenth of the steps, and at most one in 30 seconds.
    pub fn new(every: Option<u32>, of: usize) -> Self {
        let pause = if every.is_some() { Duration::ZERO } else { PAUSE };
        let every = every.map_or((of / 10).max(1), |every| every as usize);
        Self { every, pause, of, left: MOST, last: None }
    }

    /// True when a sample is to be drawn after this step, which is then counted. The last step has the cover.
    pub fn is_due(&mut self, step: usize, now: Instant) -> bool {
        let rested = self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.pause);
        if self.every == 0 || self.left == 0 || step >= self.of || !step.is_multiple_of(self.every) || !rested {
            return false;
        }
        self.left -= 1;
        self.last = Some(now);
        true
    }

    /// No more samples.
    pub fn stop(&mut self) {
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(mut schedule: SampleSchedule, seconds_per_step: u64) -> Vec<usize> {
        let began = Instant::now();
        let at = |step: usize| began + Duration::from_secs(seconds_per_step * step as u64);
        (1..=schedule.of).filter(|step| schedule.is_due(*step, at(*step))).collect()
    }

    #[test]
    fn samples_keep_their_distance() {
        assert_eq!(due(SampleSchedule::new(None, 40), 8), [4, 8, 12, 16, 20, 24, 28, 32, 36]);
        assert_eq!(due(SampleSchedule::new(None, 40), 4), [4, 12, 20, 28, 36]);
        assert_eq!(due(SampleSchedule::new(None, 5), 0), [1]);
        assert_eq!(due(SampleSchedule::new(Some(3), 10), 0), [3, 6, 9]);
        assert_eq!(due(SampleSchedule::new(Some(1), 100), 0).len(), 20);
        assert!(due(SampleSchedule::new(Some(0), 100), 60).is_empty());
        let mut schedule = SampleSchedule::new(Some(1), 9);
        schedule.stop();
        assert!(!schedule.is_due(1, Instant::now()));
    }
}

//! Statistics of measured times.

use std::time::Duration;

/// The median; zero when there are no samples.
pub fn median(samples: Vec<Duration>) -> Duration {
    quantile(samples, 0.5)
}

/// The sample below which `fraction` (0 to 1) of all samples lie; zero when there are no samples.
fn quantile(mut samples: Vec<Duration>, fraction: f64) -> Duration {
    samples.sort_unstable();
    samples.get((samples.len() as f64 * fraction) as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let samples: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        assert_eq!(median(samples.clone()), Duration::from_millis(11));
        assert_eq!(quantile(samples, 0.95), Duration::from_millis(20));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}

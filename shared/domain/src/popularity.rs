//! Popularity that decays. Every use at time `t` adds `2^((t - epoch) / half-life)` to a sum. At any later time the sum
//! is the number of uses, each weighed by its age (halved in every half-life), times a factor that all sums share. So
//! sums are compared as they are, and never updated but by a use. This is forward decay (Cormode, Shkapenyuk,
//! Srivastava and Xu 2009) with an exponential function.

use crate::Millis;

/// 2026-01-01, from which exponents are counted: 2^1023, the largest there is, is reached in 2045.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// A week.
const HALF_LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What a use adds.
pub fn weight(now: Millis) -> f64 {
    let half_lives = (now.0 - EPOCH_MS) as f64 / HALF_LIFE_MS as f64;
    half_lives.clamp(0.0, 1000.0).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_uses_a_week_ago_are_one_use_now() {
        let now = EPOCH_MS + 40 * HALF_LIFE_MS;
        assert_eq!(2.0 * weight(Millis(now - HALF_LIFE_MS)), weight(Millis(now)));
        assert!(weight(Millis(now)) > weight(Millis(now - 1000)));
    }

    #[test]
    fn weights_are_finite_at_any_time() {
        for time in [i64::MIN / 2, 0, EPOCH_MS, 4_000_000_000_000, i64::MAX / 2] {
            let weight = weight(Millis(time));
            assert!(weight.is_finite() && weight >= 1.0, "{time}");
        }
    }
}

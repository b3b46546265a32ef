//! The random numbers of one scene or caption: SplitMix64 (Steele, Lea and Flood 2014), which may begin at any seed.

use gpu_runner::noise::{GOLDEN, mixed};

#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Seeds that differ by anything give unrelated numbers; `stream` tells uses of one seed apart.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mixed(mixed(seed) ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }

    /// 64 of them.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mixed(self.0)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [−1, 1).
    pub fn around(&mut self) -> f32 {
        2.0 * self.unit() - 1.0
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of a list that is not empty, each as likely.
    pub fn one<T: Copy, const N: usize>(&mut self, all: &[T; N]) -> T {
        const { assert!(N > 0) };
        all[(self.bits() % N as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread() {
        let mut random = Random::new(1, 1);
        let values: Vec<f32> = (0..10_000).map(|_| random.unit()).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        let mean = values.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[random.one(&[0, 1, 2, 3, 4])] += 1);
        assert!(counts.iter().all(|count| (1800..2200).contains(count)), "{counts:?}");
    }

    #[test]
    fn seeds_and_streams_are_apart() {
        let first = |seed, stream| Random::new(seed, stream).bits();
        assert_eq!(first(1, 1), first(1, 1));
        let all: std::collections::HashSet<u64> =
            (0..100).flat_map(|s| (0..10).map(move |t| (s, t))).map(|(s, t)| first(s, t)).collect();
        assert_eq!(all.len(), 1000);
    }
}

//! Pseudo-random rotation: three rounds of random signs and a Walsh–Hadamard transform. Must not know codes.
//!
//! Needs n log n additions and no matrix: A. Andoni et al., "Practical and Optimal LSH for Angular Distance", NIPS
//! 2015. The signs come from SplitMix64, an integer generator: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014.

/// Rounds of signs and transform.
const ROUNDS: usize = 3;

/// Rotates the values in place and scales them by `len^(3/2)`. The length must be a power of two.
pub(crate) fn rotate(values: &mut [f32], seed: u64) {
    let mut random = SplitMix64(seed);
    for _ in 0..ROUNDS {
        for values in values.chunks_mut(64) {
            let mut signs = random.next();
            for value in values {
                if signs & 1 == 1 {
                    *value = -*value;
                }
                signs >>= 1;
            }
        }
        hadamard(values);
    }
}

/// Walsh–Hadamard transform in place, unscaled, in natural order.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// Integer generator with 64 bits of state.
pub(crate) struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

/// Bijection of 64 bits whose output bits each depend on all input bits: the finaliser of SplitMix64.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_numbers() {
        let mut random = SplitMix64(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn rotations_keep_angles() {
        let mut random = SplitMix64(1);
        let mut vector =
            || -> Vec<f32> { (0..512).map(|_| (random.next() >> 40) as f32 / 8_388_608.0 - 1.0).collect() };
        let (mut a, mut b) = (vector(), vector());
        let before = crate::vector::dot(&a, &b);
        rotate(&mut a, 7);
        rotate(&mut b, 7);
        let after = crate::vector::dot(&a, &b) / 512f32.powi(3);
        assert!((before - after).abs() < 1e-3, "{before} {after}");
    }
}

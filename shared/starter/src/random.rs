//! The random numbers of one scene or caption: SplitMix64 (Steele, Lea and Flood 2014), which may begin at any seed.

#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Seeds that differ by anything give unrelated numbers; `stream` tells uses of one seed apart.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mixed(mixed(seed) ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [−1, 1).
    pub fn around(&mut self) -> f32 {
        2.0 * self.unit() - 1.0
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of these, each as likely; the first of an empty list can't be, so lists have a first.
    pub fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let index = (self.next() % (others.len() as u64 + 1)) as usize;
        index.checked_sub(1).and_then(|index| others.get(index)).copied().unwrap_or(first)
    }

    /// One of a list that is not empty.
    pub fn one<T: Copy, const N: usize>(&mut self, all: &[T; N]) -> T {
        const { assert!(N > 0) };
        all[(self.next() % N as u64) as usize]
    }
}

/// A bijection in which every bit of the input moves half of the output's.
pub fn mixed(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

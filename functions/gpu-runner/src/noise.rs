//! The random numbers of one picture.
//!
//! Each picture owns a generator seeded by its own seed and running on the CPU, so that neither the batch nor the
//! device changes a picture. xoshiro256++ (Blackman and Vigna, 2019), its state filled by SplitMix64 from the seed;
//! normals by the Box–Muller transform in f64, both of a pair used. `libm` instead of the system's functions: the same
//! bits on every machine.

use candle_core::{DType, Device, Result, Tensor};

/// What SplitMix64 counts by.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A bijection in which every bit of the input moves half of the output's: SplitMix64's finalizer (Steele, Lea and
/// Flood 2014).
pub fn mixed(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[derive(Clone, Debug)]
pub struct Noise {
    state: [u64; 4],
    spare: Option<f64>,
}

impl Noise {
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(GOLDEN);
            mixed(x)
        });
        Self { state, spare: None }
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Uniform in (0, 1].
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// One standard normal.
    pub fn normal(&mut self) -> f64 {
        if let Some(z) = self.spare.take() {
            return z;
        }
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        let angle = std::f64::consts::TAU * self.uniform();
        self.spare = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// Standard normals of a shape, drawn in row-major order, moved to a device.
    pub fn tensor(&mut self, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|_| self.normal() as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_values_never_change() {
        let mut noise = Noise::new(42);
        let seen: Vec<f32> = (0..4).map(|_| noise.normal() as f32).collect();
        assert_eq!(seen, [-0.268_607_38, 0.581_971_05, -0.054_462_17, -0.171_778_2]);
    }

    #[test]
    fn is_standard_normal() {
        let mut noise = Noise::new(7);
        let values: Vec<f64> = (0..100_000).map(|_| noise.normal()).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / n - mean * mean;
        let beyond_two = values.iter().filter(|v| v.abs() > 2.0).count() as f64 / n;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "mean {mean} variance {variance}");
        assert!((beyond_two - 0.0455).abs() < 0.003, "{beyond_two}");
    }
}

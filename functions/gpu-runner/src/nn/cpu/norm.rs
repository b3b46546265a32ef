//! Norms: sums of the values, then of the squares of their distances to the mean, then one pass that writes.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::vector::{Affine, Silu, SquaredDistance, Standard, Then, map, sum};

/// Layer norm of rows of `weight.len()`.
pub fn layer(x: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    let mut out = vec![0f32; x.len()];
    if width == 0 {
        return out;
    }
    let arch = Arch::new();
    let band = (1 << 14) / width * width;
    let band = band.max(width);
    out.par_chunks_mut(band).zip(x.par_chunks(band)).for_each(|(out, x)| {
        arch.dispatch(Rows { x, weight, bias, eps, out });
    });
    out
}

struct Rows<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f32,
    out: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.weight.len();
        for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            let (mean, scale) = moments(simd, x, self.eps);
            map(simd, x, out, Standard { mean, scale });
            let affine = self.weight.iter().zip(self.bias);
            for (out, (weight, bias)) in out.iter_mut().zip(affine) {
                *out = *out * weight + bias;
            }
        }
    }
}

/// Mean, and the reciprocal of the deviation.
#[inline(always)]
pub fn moments<S: Simd>(simd: S, x: &[f32], eps: f32) -> (f32, f32) {
    let count = x.len() as f32;
    let mean = sum(simd, x, Affine { factor: 1.0, addend: 0.0 }) / count;
    let variance = sum(simd, x, SquaredDistance { mean }) / count;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// A group norm of pictures (batch, channels, pixels) as what it does to each channel of each picture.
pub fn group(x: &[f32], batch: usize, groups: usize, weight: &[f32], bias: &[f32], eps: f32) -> Vec<Affine> {
    let channels = weight.len();
    let per_group = channels / groups;
    let moments = group_moments(x, batch, groups, eps);
    if moments.is_empty() {
        return vec![Affine { factor: 1.0, addend: 0.0 }; batch * channels];
    }
    let affine = |(i, (mean, scale)): (usize, (f32, f32))| {
        let first = i % groups * per_group;
        (first..first + per_group).map(move |c| {
            let factor = weight[c] * scale;
            Affine { factor, addend: bias[c] - factor * mean }
        })
    };
    moments.into_iter().enumerate().flat_map(affine).collect()
}

/// Mean of each group of each picture, and the reciprocal of its deviation; none of no pixels.
pub fn group_moments(x: &[f32], batch: usize, groups: usize, eps: f32) -> Vec<(f32, f32)> {
    let size = x.len() / (batch * groups).max(1);
    let arch = Arch::new();
    x.par_chunks_exact(size.max(1)).map(|x| arch.dispatch(Moments { x, eps })).collect()
}

struct Moments<'a> {
    x: &'a [f32],
    eps: f32,
}

impl WithSimd for Moments<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f32) {
        moments(simd, self.x, self.eps)
    }
}

/// Channels through what a norm does to each, then silu where `act` says so.
pub fn apply(x: &[f32], affine: &[Affine], act: bool) -> Vec<f32> {
    let mut out = vec![0f32; x.len()];
    let size = x.len() / affine.len().max(1);
    if size == 0 {
        return out;
    }
    let arch = Arch::new();
    out.par_chunks_exact_mut(size)
        .zip(x.par_chunks_exact(size))
        .zip(affine)
        .for_each(|((out, x), affine)| arch.dispatch(Channel { x, affine: *affine, act, out }));
    out
}

struct Channel<'a> {
    x: &'a [f32],
    affine: Affine,
    act: bool,
    out: &'a mut [f32],
}

impl WithSimd for Channel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.act {
            map(simd, self.x, self.out, Then(self.affine, Silu));
        } else {
            map(simd, self.x, self.out, self.affine);
        }
    }
}

//! Sums of outer products, which the gradients of weights are: of what came in by what goes back, over all pixels.

use pulp::{Arch, Simd};
use rayon::prelude::*;

use super::super::tile::{GROUP, InTiles, Tile, Tiled, add_product};

/// Inputs come in groups of the widest vector.
const WIDEST: usize = 16;

/// Σ left[o][p] · right[at(p) + shift(t) + i] for each output o, input i and tap t.
pub struct Outer {
    /// (outputs / 8, taps, 8, inputs up to a multiple of 16).
    sums: Vec<f32>,
    outputs: usize,
    inputs: usize,
    taps: usize,
}

/// Some pixels' share.
#[derive(Clone, Copy)]
pub struct Share<'a> {
    /// (outputs / 8, pixels, 8).
    pub left: &'a [f32],
    /// Of each pixel some vectors of (inputs), wherever; at least `slack` more behind the last.
    pub right: &'a [f32],
    /// Where each pixel's first vector begins.
    pub at: &'a [usize],
    /// How much further each tap's is.
    pub shifts: &'a [usize],
}

/// Numbers that are read beyond the last vector of a right side.
pub const fn slack() -> usize {
    WIDEST
}

impl Outer {
    pub fn new(outputs: usize, inputs: usize, taps: usize) -> Self {
        let sums = vec![0f32; outputs.next_multiple_of(GROUP) * taps * inputs.next_multiple_of(WIDEST)];
        Self { sums, outputs, inputs, taps }
    }

    pub fn add(&mut self, share: Share) {
        let (taps, inputs) = (self.taps, self.inputs);
        let arch = Arch::new();
        self.sums.par_chunks_mut(GROUP * inputs.next_multiple_of(WIDEST)).enumerate().for_each(|(i, sums)| {
            let left = &share.left[i / taps * share.at.len() * GROUP..][..share.at.len() * GROUP];
            let right = &share.right[share.shifts[i % taps]..];
            arch.dispatch(InTiles(Work { sums, left, right, at: share.at, inputs }));
        });
    }

    /// (outputs, inputs, taps).
    pub fn finish(self) -> Vec<f32> {
        let Self { sums, outputs, inputs, taps } = self;
        let row = inputs.next_multiple_of(WIDEST);
        let mut out = vec![0f32; outputs * inputs * taps];
        out.par_chunks_mut((inputs * taps).max(1)).enumerate().for_each(|(output, out)| {
            for tap in 0..taps {
                let line = &sums[((output / GROUP * taps + tap) * GROUP + output % GROUP) * row..][..inputs];
                for (to, from) in out[tap..].iter_mut().step_by(taps).zip(line) {
                    *to = *from;
                }
            }
        });
        out
    }
}

/// What one group of outputs gets of one tap.
struct Work<'a> {
    /// (8, inputs up to a multiple of 16).
    sums: &'a mut [f32],
    left: &'a [f32],
    right: &'a [f32],
    at: &'a [usize],
    inputs: usize,
}

impl Tiled for Work<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const C: usize>(mut self, simd: S) {
        let vectors = self.inputs.div_ceil(S::F32_LANES);
        // Four vectors are two and two, not three and one.
        let each = vectors.div_ceil(vectors.div_ceil(3).max(1));
        for half in (0..GROUP).step_by(C) {
            let mut vector = 0;
            while vector < vectors {
                let count = each.min(vectors - vector);
                match count {
                    1 => self.tile::<S, C, 1>(simd, half, vector * S::F32_LANES),
                    2 => self.tile::<S, C, 2>(simd, half, vector * S::F32_LANES),
                    _ => self.tile::<S, C, 3>(simd, half, vector * S::F32_LANES),
                }
                vector += count;
            }
        }
    }
}

impl Work<'_> {
    #[inline(always)]
    fn tile<S: Simd, const C: usize, const V: usize>(&mut self, simd: S, half: usize, column: usize) {
        let row = self.inputs.next_multiple_of(WIDEST);
        let mut tile: Tile<S, C, V> = [[simd.splat_f32s(0.0); V]; C];
        let (left, right) = (&self.left[half..], &self.right[column..]);
        for (p, at) in self.at.iter().enumerate() {
            add_product(simd, &mut tile, &left[p * GROUP..], &right[*at..]);
        }
        for (c, parts) in tile.iter().enumerate() {
            let line = &mut self.sums[(half + c) * row + column..][..V * S::F32_LANES];
            let line = &mut S::as_mut_simd_f32s(line).0[..V];
            for (sum, part) in line.iter_mut().zip(parts) {
                *sum = simd.add_f32s(*sum, *part);
            }
        }
    }
}

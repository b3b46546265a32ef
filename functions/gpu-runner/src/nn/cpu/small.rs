//! Convolution over pictures of a few pixels: those of a batch lie side by side, with the value that each tap sees, so
//! that vectors are full. To the last bit what `conv` gives, in the same order of sums.

use pulp::{Arch, Simd};
use rayon::prelude::*;

use super::conv::{Around, Kernel, Walk};
use super::tile::{GROUP, InTiles, Tile, Tiled, add_product, store};
use super::vector::{Silu, Then, map};

/// Pixels of a result, above which rows strung together waste less than values copied for each tap take.
const MOST: usize = 36;
/// Numbers in a band, as in `conv`.
const BAND: usize = 1 << 17;

/// Whether pictures are small and enough for all threads.
pub fn serves(kernel: &Kernel, walk: Walk, batch: usize) -> bool {
    walk.to.0 * walk.to.1 <= MOST && !kernel.doubles() && batch >= rayon::current_num_threads()
}

/// (batch, inputs, from) → (batch, outputs, to); none of them empty.
pub fn conv(kernel: &Kernel, x: &[f32], walk: Walk, around: Around) -> Vec<f32> {
    let (plane, picture) = (walk.to.0 * walk.to.1, kernel.inputs * walk.from.0 * walk.from.1);
    let batch = x.len() / picture;
    let mut out = vec![0f32; batch * kernel.outputs * plane];
    let fitting = (BAND / (kernel.inputs * kernel.side * kernel.side * plane)).max(1);
    let together = fitting.min(batch.div_ceil(rayon::current_num_threads()));
    let arch = Arch::new();
    let bands = out.par_chunks_mut(together * kernel.outputs * plane).zip(x.par_chunks(together * picture));
    bands.enumerate().for_each(|(i, (out, x))| {
        arch.dispatch(InTiles(Band { kernel, x, walk, around, first: i * together, out }));
    });
    out
}

/// Some pictures.
struct Band<'a> {
    kernel: &'a Kernel,
    x: &'a [f32],
    walk: Walk,
    around: Around<'a>,
    /// Which picture of the batch is the first.
    first: usize,
    out: &'a mut [f32],
}

impl Tiled for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const C: usize>(mut self, simd: S) {
        let positions = self.out.len() / self.kernel.outputs;
        let row = positions.next_multiple_of(S::F32_LANES);
        let values = self.seen(simd, row);
        let vectors = row / S::F32_LANES;
        let each = vectors.div_ceil(vectors.div_ceil(3));
        for channel in (0..self.kernel.outputs).step_by(C) {
            let mut vector = 0;
            while vector < vectors {
                let count = each.min(vectors - vector);
                let at = vector * S::F32_LANES;
                match count {
                    1 => self.tile::<S, C, 1>(simd, &values, row, (channel, at)),
                    2 => self.tile::<S, C, 2>(simd, &values, row, (channel, at)),
                    _ => self.tile::<S, C, 3>(simd, &values, row, (channel, at)),
                }
                vector += count;
            }
        }
    }
}

impl Band<'_> {
    /// What each tap of each input sees for each result: (inputs, side, side, `row`).
    #[inline(always)]
    fn seen<S: Simd>(&self, simd: S, row: usize) -> Vec<f32> {
        let Walk { stride, padding, from: (from_height, from_width), to: (height, width) } = self.walk;
        let (inputs, side, plane) = (self.kernel.inputs, self.kernel.side, height * width);
        let mut values = vec![0f32; inputs * side * side * row];
        let mut normed = vec![0f32; from_height * from_width];
        for (i, mut source) in self.x.chunks_exact(from_height * from_width).enumerate() {
            let (picture, input) = (i / inputs, i % inputs);
            if let Some(norm) = self.around.norm {
                map(simd, source, &mut normed, Then(norm[(self.first + picture) * inputs + input], Silu));
                source = &normed;
            }
            for tap in 0..side * side {
                let to = &mut values[(input * side * side + tap) * row + picture * plane..][..plane];
                for (y, to) in to.chunks_exact_mut(width).enumerate() {
                    let Some(line) = (y * stride + tap / side).checked_sub(padding).filter(|y| *y < from_height) else {
                        continue;
                    };
                    let line = &source[line * from_width..][..from_width];
                    for (x, to) in to.iter_mut().enumerate() {
                        let from = (x * stride + tap % side).checked_sub(padding);
                        if let Some(value) = from.and_then(|from| line.get(from)) {
                            *to = *value;
                        }
                    }
                }
            }
        }
        values
    }

    /// Results from `at` on, of `C` channels from `first` on.
    #[inline(always)]
    fn tile<S: Simd, const C: usize, const V: usize>(
        &mut self,
        simd: S,
        values: &[f32],
        row: usize,
        (first, at): (usize, usize),
    ) {
        let outputs = self.kernel.outputs;
        let (plane, taps) = (self.walk.to.0 * self.walk.to.1, values.len() / row);
        let (span, kept) = (V * S::F32_LANES, C.min(outputs - first));
        let pictures = self.out.len() / (outputs * plane);
        let mut lines = [0f32; 8 * 48];
        for (c, line) in lines.chunks_exact_mut(span).take(kept).enumerate() {
            let bias = self.around.bias.map_or(0.0, |bias| bias[first + c]);
            for (position, start) in (at..pictures * plane).zip(line) {
                let picture = self.first + position / plane;
                *start = bias + self.around.shift.map_or(0.0, |shift| shift[picture * outputs + first + c]);
            }
        }
        let mut tile: Tile<S, C, V> = [[simd.splat_f32s(0.0); V]; C];
        let starts = S::as_simd_f32s(&lines[..C * span]).0;
        for c in 0..C {
            for v in 0..V {
                tile[c][v] = starts[c * V + v];
            }
        }
        let weights = self.kernel.group(first, taps);
        for tap in 0..taps {
            add_product(simd, &mut tile, &weights[tap * GROUP..], &values[tap * row + at..]);
        }
        store::<S, C, V>(&tile, &mut lines);
        for (c, line) in lines.chunks_exact(span).take(kept).enumerate() {
            for (position, value) in (at..pictures * plane).zip(line) {
                let to = (position / plane * outputs + first + c) * plane + position % plane;
                let residual = self.around.residual.map(|all| all[self.first * outputs * plane + to]);
                self.out[to] = residual.map_or(*value, |residual| value + residual);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::cpu::Affine;
    use crate::nn::cpu::conv::strung;

    fn waves(count: usize, pace: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * pace).sin()).collect()
    }

    #[test]
    fn is_the_same_to_the_last_bit() {
        for (batch, inputs, outputs, side, stride, padding, from, to) in [
            (1, 1, 1, 3, 1, 1, (1, 1), (1, 1)),
            (7, 3, 9, 3, 1, 1, (4, 4), (4, 4)),
            (40, 5, 16, 1, 1, 0, (2, 3), (2, 3)),
            (3, 17, 4, 3, 2, 1, (9, 5), (5, 3)),
            (5, 6, 21, 3, 2, 0, (8, 8), (4, 4)),
            (33, 190, 10, 4, 2, 1, (6, 6), (3, 3)),
        ] {
            let kernel = Kernel::pack(&waves(outputs * inputs * side * side, 0.7), outputs, inputs, side);
            let x = waves(batch * inputs * from.0 * from.1, 0.3);
            let walk = Walk { stride, padding, from, to };
            let norm: Vec<Affine> =
                waves(batch * inputs, 0.9).iter().map(|w| Affine { factor: *w, addend: 0.1 }).collect();
            let (bias, shift) = (waves(outputs, 1.1), waves(batch * outputs, 1.3));
            let residual = waves(batch * outputs * to.0 * to.1, 1.7);
            let all = Around { norm: Some(&norm), bias: Some(&bias), shift: Some(&shift), residual: Some(&residual) };
            for around in [Around::default(), all] {
                assert_eq!(conv(&kernel, &x, walk, around), strung(&kernel, &x, walk, around), "{batch} of {from:?}");
            }
        }
    }
}

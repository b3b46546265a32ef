//! Attention in one pass: scores of a tile of rows against a block of columns, their softmax kept up to date, and its
//! product with the values, without the whole matrix ever being there (Dao et al. 2022, on the CPU).
//!
//! A vector holds one number of each of several rows, so that the softmax is arithmetic between vectors, whatever the
//! width of a head.

use pulp::{Arch, Simd};
use rayon::prelude::*;

use super::tile::{GROUP, InTiles, Tile, Tiled, add_product};
use super::vector::exp;

/// Columns whose scores are there at once: with three vectors of rows, 24 KiB.
const BLOCK: usize = 128;

/// Sizes of an attention: q (batch, rows, heads·d), k and v (batch, columns, heads·d).
#[derive(Clone, Copy)]
pub struct Sizes {
    pub batch: usize,
    pub heads: usize,
    pub rows: usize,
    pub columns: usize,
    pub d: usize,
}

/// softmax(q·kᵀ/√d)·v, (batch, rows, heads·d).
pub fn attention(q: &[f32], k: &[f32], v: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { batch, heads, rows, d, .. } = sizes;
    let width = heads * d;
    // By head first, so that each part of the work has a piece of its own.
    let mut by_head = vec![0f32; batch * heads * rows * d];
    if by_head.is_empty() {
        return by_head;
    }
    // A part packs keys and values for itself: as few as keep all threads busy.
    let bands = (2 * rayon::current_num_threads()).div_ceil(batch * heads);
    let band = rows.div_ceil(bands).next_multiple_of(3 * 16);
    let arch = Arch::new();
    by_head.par_chunks_mut(rows * d).enumerate().for_each(|(i, head)| {
        let (b, h) = (i / heads, i % heads);
        let k = &k[b * sizes.columns * width + h * d..];
        let v = &v[b * sizes.columns * width + h * d..];
        head.par_chunks_mut(band * d).enumerate().for_each(|(j, out)| {
            let q = &q[(b * rows + j * band) * width + h * d..];
            arch.dispatch(InTiles(Band { q, k, v, stride: width, columns: sizes.columns, d, out }));
        });
    });
    if heads == 1 {
        return by_head;
    }
    let mut joined = vec![0f32; by_head.len()];
    for (i, row) in by_head.chunks_exact(d).enumerate() {
        let (b, h, r) = (i / (heads * rows), i / rows % heads, i % rows);
        joined[(b * rows + r) * width + h * d..][..d].copy_from_slice(row);
    }
    joined
}

/// Some rows of one head.
struct Band<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    /// From a row of q, k or v to the next.
    stride: usize,
    columns: usize,
    d: usize,
    out: &'a mut [f32],
}

/// Keys and values of one head, in groups.
struct Packed {
    /// (columns / 8, d, 8).
    keys: Vec<f32>,
    /// (columns, d up to a multiple of 8).
    values: Vec<f32>,
    columns: usize,
    d: usize,
}

impl Packed {
    fn padded(&self) -> usize {
        self.d.next_multiple_of(GROUP)
    }
}

/// What a tile of rows works on.
struct Scratch<S: Simd> {
    /// (d, rows of the tile).
    query: Vec<f32>,
    /// (columns of a block, rows of the tile).
    scores: Vec<f32>,
    /// (d up to a multiple of 8, rows of the tile).
    out: Vec<f32>,
    simd: S,
}

impl Tiled for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const C: usize>(self, simd: S) {
        let Band { q, k, v, stride, columns, d, out } = self;
        let mut packed =
            Packed { keys: vec![0.0; columns.next_multiple_of(GROUP) * d], values: Vec::new(), columns, d };
        let padded = packed.padded();
        packed.values = vec![0.0; columns * padded];
        for column in 0..columns {
            let (key, value) = (&k[column * stride..][..d], &v[column * stride..][..d]);
            let keys = &mut packed.keys[column / GROUP * GROUP * d + column % GROUP..];
            for (to, from) in keys.iter_mut().step_by(GROUP).zip(key) {
                *to = *from;
            }
            packed.values[column * padded..][..d].copy_from_slice(value);
        }
        let most = 3 * S::F32_LANES;
        let mut scratch = Scratch {
            query: vec![0.0; d * most],
            scores: vec![0.0; BLOCK * most],
            out: vec![0.0; padded * most],
            simd,
        };
        for (i, out) in out.chunks_mut(most * d).enumerate() {
            let q = &q[i * most * stride..];
            match (out.len() / d).div_ceil(S::F32_LANES) {
                1 => scratch.tile::<C, 1>(q, stride, &packed, out),
                2 => scratch.tile::<C, 2>(q, stride, &packed, out),
                _ => scratch.tile::<C, 3>(q, stride, &packed, out),
            }
        }
    }
}

impl<S: Simd> Scratch<S> {
    #[inline(always)]
    fn tile<const C: usize, const V: usize>(&mut self, q: &[f32], stride: usize, packed: &Packed, out: &mut [f32]) {
        let simd = self.simd;
        let (d, padded, span) = (packed.d, packed.padded(), V * S::F32_LANES);
        let scale = 1.0 / (d as f32).sqrt();
        let rows = out.len() / d;
        self.query[..d * span].fill(0.0);
        for row in 0..rows {
            for (to, from) in self.query[row..].iter_mut().step_by(span).zip(&q[row * stride..][..d]) {
                *to = *from * scale;
            }
        }
        self.out[..padded * span].fill(0.0);
        let mut most = [simd.splat_f32s(f32::MIN); V];
        let mut sum = [simd.splat_f32s(0.0); V];
        for start in (0..packed.columns).step_by(BLOCK) {
            let count = BLOCK.min(packed.columns - start);
            let before = most;
            self.score::<C, V>(packed, start, count, &mut most);
            // What was summed up so far was relative to the greatest score so far.
            let mut shrink = most;
            for v in 0..V {
                shrink[v] = exp(simd, simd.sub_f32s(before[v], most[v]));
                sum[v] = simd.mul_f32s(sum[v], shrink[v]);
            }
            for scores in S::as_mut_simd_f32s(&mut self.scores[..count * span]).0.chunks_exact_mut(V) {
                for v in 0..V {
                    scores[v] = exp(simd, simd.sub_f32s(scores[v], most[v]));
                    sum[v] = simd.add_f32s(sum[v], scores[v]);
                }
            }
            self.gather::<C, V>(packed, start, count, &shrink);
        }
        let mut weight = [0f32; 64];
        for v in 0..V {
            let inverse = simd.div_f32s(simd.splat_f32s(1.0), sum[v]);
            simd.partial_store_f32s(&mut weight[v * S::F32_LANES..][..S::F32_LANES], inverse);
        }
        for (row, out) in out.chunks_exact_mut(d).enumerate() {
            for (to, from) in out.iter_mut().zip(self.out[row..].iter().step_by(span)) {
                *to = *from * weight[row];
            }
        }
    }

    /// Scores of columns, and the greatest so far.
    #[inline(always)]
    fn score<const C: usize, const V: usize>(
        &mut self,
        packed: &Packed,
        start: usize,
        count: usize,
        most: &mut [S::f32s; V],
    ) {
        let (simd, d, span) = (self.simd, packed.d, V * S::F32_LANES);
        for column in (0..count).step_by(C) {
            let mut tile: Tile<S, C, V> = [[simd.splat_f32s(0.0); V]; C];
            let at = start + column;
            let keys = &packed.keys[at / GROUP * GROUP * d + at % GROUP..];
            for i in 0..d {
                add_product(simd, &mut tile, &keys[i * GROUP..], &self.query[i * span..]);
            }
            // Columns beyond the last are none.
            let scores = S::as_mut_simd_f32s(&mut self.scores[column * span..(column + C).min(count) * span]).0;
            for (scores, tile) in scores.chunks_exact_mut(V).zip(&tile) {
                for v in 0..V {
                    scores[v] = tile[v];
                    // In this order a NaN is passed on to the sum by the score, not by the maximum.
                    most[v] = simd.max_f32s(tile[v], most[v]);
                }
            }
        }
    }

    /// out · shrink + weights · values.
    #[inline(always)]
    fn gather<const C: usize, const V: usize>(
        &mut self,
        packed: &Packed,
        start: usize,
        count: usize,
        shrink: &[S::f32s; V],
    ) {
        let (simd, padded, span) = (self.simd, packed.padded(), V * S::F32_LANES);
        for i in (0..padded).step_by(C) {
            let out = S::as_mut_simd_f32s(&mut self.out[i * span..][..C * span]).0;
            let mut tile: Tile<S, C, V> = [[simd.splat_f32s(0.0); V]; C];
            for c in 0..C {
                for v in 0..V {
                    tile[c][v] = simd.mul_f32s(out[c * V + v], shrink[v]);
                }
            }
            for column in 0..count {
                let values = &packed.values[(start + column) * padded + i..];
                add_product(simd, &mut tile, values, &self.scores[column * span..]);
            }
            for c in 0..C {
                out[c * V..][..V].copy_from_slice(&tile[c]);
            }
        }
    }
}

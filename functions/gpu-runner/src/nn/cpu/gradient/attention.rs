//! The way back through attention. The scores of some rows are computed anew and live in a tile: with P the weights, O
//! the result and ∘ the product number by number, dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − Σ P ∘ dO·Vᵀ), dQ = dS·K/√d, dK =
//! dSᵀ·Q/√d (Dao et al. 2022).
//!
//! A vector holds several columns of one row.

use pulp::{Arch, Simd};
use rayon::prelude::*;

use super::super::attention::Sizes;
use super::super::tile::{GROUP, InTiles, Tile, Tiled, add_product};
use super::super::vector::exp;

/// The widest vector: what lies across a vector is padded to it.
const WIDEST: usize = 16;
/// Rows whose scores are there at once.
const BLOCK: usize = 32;

/// What goes in.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
    /// (rows, columns), added to the scores.
    pub mask: Option<&'a [f32]>,
}

/// Of q, k and v, of their shapes, from that of the result (batch, rows, heads·d).
pub fn attention(inputs: Inputs, gradient: &[f32], sizes: Sizes) -> [Vec<f32>; 3] {
    let Sizes { batch, heads, rows, columns, d } = sizes;
    let width = heads * d;
    let mut out =
        [vec![0f32; batch * rows * width], vec![0f32; batch * columns * width], vec![0f32; batch * columns * width]];
    if out.iter().any(Vec::is_empty) {
        return out;
    }
    let arch = Arch::new();
    // A few heads at a time, so that the gradients by head are never all there.
    let together = (2 * rayon::current_num_threads()).min(batch * heads);
    let all: Vec<usize> = (0..batch * heads).collect();
    for some in all.chunks(together) {
        let parts: Vec<(usize, [Vec<f32>; 3])> = some
            .par_iter()
            .map(|i| {
                let (b, h) = (i / heads, i % heads);
                let head = |all: &[f32], count: usize| -> Vec<f32> {
                    let rows = all[b * count * width..][..count * width].chunks_exact(width);
                    rows.flat_map(|row| row[h * d..][..d].iter().copied()).collect()
                };
                let (q, k, v) = (head(inputs.q, rows), head(inputs.k, columns), head(inputs.v, columns));
                let gradient = head(gradient, rows);
                (
                    *i,
                    arch.dispatch(InTiles(Head {
                        q: &q,
                        k: &k,
                        v: &v,
                        mask: inputs.mask,
                        gradient: &gradient,
                        rows,
                        columns,
                        d,
                    })),
                )
            })
            .collect();
        for (i, parts) in parts {
            let (b, h) = (i / heads, i % heads);
            for (out, part) in out.iter_mut().zip(parts) {
                let count = part.len() / d;
                let picture = &mut out[b * count * width..][..count * width];
                for (row, part) in picture.chunks_exact_mut(width).zip(part.chunks_exact(d)) {
                    row[h * d..][..d].copy_from_slice(part);
                }
            }
        }
    }
    out
}

/// One head: q and gradient (rows, d), k and v (columns, d).
struct Head<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    mask: Option<&'a [f32]>,
    gradient: &'a [f32],
    rows: usize,
    columns: usize,
    d: usize,
}

impl Tiled for Head<'_> {
    type Output = [Vec<f32>; 3];

    #[inline(always)]
    fn run<S: Simd, const C: usize>(self, simd: S) -> Self::Output {
        let Head { q, k, v, mask, gradient, rows, columns, d } = self;
        let scale = 1.0 / (d as f32).sqrt();
        // Columns and d, across vectors and as the rows of tiles.
        let (across, wide, deep) =
            (columns.next_multiple_of(WIDEST), d.next_multiple_of(WIDEST), d.next_multiple_of(GROUP));
        let (keys, values) = (turned(k, d, across), turned(v, d, across));
        let by_column = padded(k, d, wide);
        let (mut to_q, mut to_keys, mut to_values) =
            (vec![0f32; rows * d], vec![0f32; deep * across], vec![0f32; deep * across]);
        let (mut weights, mut slopes) = (vec![0f32; BLOCK * across], vec![0f32; BLOCK * across]);
        let mut part = vec![0f32; BLOCK * wide];
        for start in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - start);
            let piece = |all: &[f32]| -> Vec<f32> { all[start * d..][..count * d].to_vec() };
            let (mut q, gradient) = (piece(q), piece(gradient));
            q.iter_mut().for_each(|q| *q *= scale);
            let (q_left, gradient_left) = (grouped(&q, d), grouped(&gradient, d));
            product::<S, C>(simd, &q_left, (GROUP * d, GROUP, 1), &keys, (count, d, across), &mut weights, false);
            product::<S, C>(
                simd,
                &gradient_left,
                (GROUP * d, GROUP, 1),
                &values,
                (count, d, across),
                &mut slopes,
                false,
            );
            for row in 0..count {
                let weights = &mut weights[row * across..][..across];
                if let Some(mask) = mask {
                    let mask = &mask[(start + row) * columns..][..columns];
                    weights.iter_mut().zip(mask).for_each(|(weight, mask)| *weight += mask);
                }
                weights[columns..].fill(f32::NEG_INFINITY);
                softmax_back(simd, weights, &mut slopes[row * across..][..across]);
            }
            // Rows are summed over: they come one after the other on both sides.
            let (q_rows, gradient_rows) = (padded(&q, d, deep), padded(&gradient, d, deep));
            product::<S, C>(simd, &gradient_rows, (GROUP, deep, 1), &weights, (d, count, across), &mut to_values, true);
            product::<S, C>(simd, &q_rows, (GROUP, deep, 1), &slopes, (d, count, across), &mut to_keys, true);
            let left = grouped(&slopes[..count * across], across);
            product::<S, C>(
                simd,
                &left,
                (GROUP * across, GROUP, 1),
                &by_column,
                (count, columns, wide),
                &mut part,
                false,
            );
            for (to, from) in to_q[start * d..].chunks_exact_mut(d).zip(part.chunks_exact(wide)).take(count) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = from * scale);
            }
        }
        [to_q, turned_back(&to_keys, d, across, columns), turned_back(&to_values, d, across, columns)]
    }
}

/// (rows, d) → (d, `across`).
fn turned(rows: &[f32], d: usize, across: usize) -> Vec<f32> {
    let mut out = vec![0f32; d * across];
    for (i, row) in rows.chunks_exact(d).enumerate() {
        out[i..].iter_mut().step_by(across).zip(row).for_each(|(to, from)| *to = *from);
    }
    out
}

/// (d, `across`) → (rows, d).
fn turned_back(turned: &[f32], d: usize, across: usize, rows: usize) -> Vec<f32> {
    let mut out = vec![0f32; rows * d];
    for (i, row) in out.chunks_exact_mut(d).enumerate() {
        row.iter_mut().zip(turned[i..].iter().step_by(across)).for_each(|(to, from)| *to = *from);
    }
    out
}

/// (rows, d) → (rows, `wide`).
fn padded(rows: &[f32], d: usize, wide: usize) -> Vec<f32> {
    let mut out = vec![0f32; rows.len() / d * wide];
    for (to, from) in out.chunks_exact_mut(wide).zip(rows.chunks_exact(d)) {
        to[..d].copy_from_slice(from);
    }
    out
}

/// (rows, d) → (rows / 8, d, 8).
fn grouped(rows: &[f32], d: usize) -> Vec<f32> {
    let mut out = vec![0f32; (rows.len() / d).next_multiple_of(GROUP) * d];
    for (i, row) in rows.chunks_exact(d).enumerate() {
        let group = &mut out[i / GROUP * GROUP * d + i % GROUP..];
        group.iter_mut().step_by(GROUP).zip(row).for_each(|(to, from)| *to = *from);
    }
    out
}

/// left · right, `rows` by `across`, over `depth`; `right` is (depth, across) and so is `out` by rows. `steps` of the
/// left side: from a group of eight rows to the next, along the depth, and from row to row inside a group, which is 1.
/// Added where `onto`.
#[inline(always)]
fn product<S: Simd, const C: usize>(
    simd: S,
    left: &[f32],
    (group, along, _): (usize, usize, usize),
    right: &[f32],
    (rows, depth, across): (usize, usize, usize),
    out: &mut [f32],
    onto: bool,
) {
    let vectors = across / S::F32_LANES;
    let each = vectors.div_ceil(vectors.div_ceil(3).max(1));
    for row in (0..rows).step_by(C) {
        let left = &left[row / GROUP * group + row % GROUP..];
        let mut vector = 0;
        while vector < vectors {
            let count = each.min(vectors - vector);
            let at = (row, vector * S::F32_LANES);
            match count {
                1 => tile::<S, C, 1>(simd, (left, along), right, (rows, depth, across), at, out, onto),
                2 => tile::<S, C, 2>(simd, (left, along), right, (rows, depth, across), at, out, onto),
                _ => tile::<S, C, 3>(simd, (left, along), right, (rows, depth, across), at, out, onto),
            }
            vector += count;
        }
    }
}

#[inline(always)]
fn tile<S: Simd, const C: usize, const V: usize>(
    simd: S,
    (left, along): (&[f32], usize),
    right: &[f32],
    (rows, depth, across): (usize, usize, usize),
    (row, column): (usize, usize),
    out: &mut [f32],
    onto: bool,
) {
    let mut tile: Tile<S, C, V> = [[simd.splat_f32s(0.0); V]; C];
    for i in 0..depth {
        add_product(simd, &mut tile, &left[i * along..], &right[i * across + column..]);
    }
    for c in 0..C {
        if row + c >= rows {
            break;
        }
        let line = &mut out[(row + c) * across + column..][..V * S::F32_LANES];
        let line = &mut S::as_mut_simd_f32s(line).0[..V];
        for v in 0..V {
            line[v] = if onto { simd.add_f32s(line[v], tile[c][v]) } else { tile[c][v] };
        }
    }
}

/// Scores become their softmax; the gradients of its numbers become those of the scores. Both are whole vectors.
#[inline(always)]
fn softmax_back<S: Simd>(simd: S, scores: &mut [f32], gradients: &mut [f32]) {
    let scores = S::as_mut_simd_f32s(scores).0;
    let gradients = S::as_mut_simd_f32s(gradients).0;
    let mut most = simd.splat_f32s(f32::MIN);
    for score in &*scores {
        most = simd.max_f32s(*score, most);
    }
    let most = simd.splat_f32s(simd.reduce_max_f32s(most));
    let mut sum = simd.splat_f32s(0.0);
    for score in scores.iter_mut() {
        *score = exp(simd, simd.sub_f32s(*score, most));
        sum = simd.add_f32s(sum, *score);
    }
    let inverse = simd.splat_f32s(1.0 / simd.reduce_sum_f32s(sum));
    let mut mean = simd.splat_f32s(0.0);
    for (score, gradient) in scores.iter_mut().zip(gradients.iter()) {
        *score = simd.mul_f32s(*score, inverse);
        mean = simd.mul_add_e_f32s(*score, *gradient, mean);
    }
    let mean = simd.splat_f32s(simd.reduce_sum_f32s(mean));
    for (score, gradient) in scores.iter().zip(gradients) {
        *gradient = simd.mul_f32s(*score, simd.sub_f32s(*gradient, mean));
    }
}

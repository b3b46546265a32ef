//! Convolution as a product over channels and taps, without the matrix that im2col makes.
//!
//! A band of rows is copied with its padding into one piece, so that each tap is the same piece from another start;
//! rows are strung together, and the few results between them are not kept. Where a norm and an activation come before,
//! they are applied in that copy, and the normed picture is never there as a whole.

use pulp::{Arch, Simd};
use rayon::prelude::*;

use super::small;
use super::tile::{GROUP, InTiles, Tile, Tiled, add_product, store};
use super::vector::{Affine, Silu, Then, map};

/// Numbers in a band: what leaves room for weights in half a megabyte of cache.
const BAND: usize = 1 << 17;

/// A square kernel's weights, in the order of their use: (outputs / 8, inputs, taps, 8).
#[derive(Clone)]
pub struct Kernel {
    /// One, or for a doubling one for each of the four pixels that a pixel becomes.
    phases: Vec<Vec<f32>>,
    pub outputs: usize,
    pub inputs: usize,
    pub side: usize,
}

impl Kernel {
    /// From (outputs, inputs, side, side).
    pub fn pack(weights: &[f32], outputs: usize, inputs: usize, side: usize) -> Self {
        Self { phases: vec![grouped(weights, outputs)], outputs, inputs, side }
    }

    /// From (outputs, inputs, 3, 3), for a picture that is doubled by nearest neighbour before.
    ///
    /// A pixel of the doubled picture sees two pixels of the original in each direction, one of them twice: where the
    /// weights are added beforehand, four taps are left of nine, and the doubled picture need not be made.
    pub fn pack_doubling(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        let phase = |phase: usize| {
            let seen = |tap: usize, odd: usize| (tap + 1 + odd) / 2 - odd;
            let mut sums = vec![0f32; outputs * inputs * 4];
            for (sums, kernel) in sums.chunks_exact_mut(4).zip(weights.chunks_exact(9)) {
                for (tap, weight) in kernel.iter().enumerate() {
                    sums[seen(tap / 3, phase / 2) * 2 + seen(tap % 3, phase % 2)] += weight;
                }
            }
            grouped(&sums, outputs)
        };
        Self { phases: (0..4).map(phase).collect(), outputs, inputs, side: 3 }
    }

    /// Weights of the channels from `first` on: 8 numbers for each tap, of which those before `first` in its group lie
    /// behind.
    pub fn group(&self, first: usize, taps: usize) -> &[f32] {
        self.phases.first().map_or(&[], |phase| &phase[first / GROUP * GROUP * taps + first % GROUP..])
    }

    pub fn doubles(&self) -> bool {
        self.phases.len() == 4
    }

    /// Back to (outputs, inputs, side, side); of a doubling one up to a rounding.
    pub fn unpack(&self) -> Vec<f32> {
        let plain: Vec<Vec<f32>> = self.phases.iter().map(|phase| ungrouped(phase, self.outputs)).collect();
        let [first, right, below, both] = plain.as_slice() else { return plain.into_iter().flatten().collect() };
        let mut weights = Vec::with_capacity(self.outputs * self.inputs * 9);
        for at in (0..first.len()).step_by(4) {
            // Before, and after; what is left of a sum is in the middle.
            let line = |left: &[f32], right: &[f32], row: usize| {
                let (left, right) = (&left[at + 2 * row..], &right[at + 2 * row..]);
                [left[0], left[1] - right[1], right[1]]
            };
            let (top, middle, bottom) = (line(first, right, 0), line(first, right, 1), line(below, both, 1));
            weights.extend(top);
            weights.extend([0, 1, 2].map(|x| middle[x] - bottom[x]));
            weights.extend(bottom);
        }
        weights
    }
}

/// (outputs, …) → (outputs / 8, …, 8).
fn grouped(weights: &[f32], outputs: usize) -> Vec<f32> {
    let per_output = weights.len() / outputs.max(1);
    let mut packed = vec![0.0; outputs.next_multiple_of(GROUP) * per_output];
    for (output, row) in weights.chunks_exact(per_output.max(1)).enumerate() {
        let group = &mut packed[output / GROUP * GROUP * per_output + output % GROUP..];
        for (to, from) in group.iter_mut().step_by(GROUP).zip(row) {
            *to = *from;
        }
    }
    packed
}

fn ungrouped(packed: &[f32], outputs: usize) -> Vec<f32> {
    let per_output = packed.len() / outputs.next_multiple_of(GROUP).max(1);
    let output =
        |i: usize| packed[i / GROUP * GROUP * per_output + i % GROUP..].iter().step_by(GROUP).take(per_output).copied();
    (0..outputs).flat_map(output).collect()
}

/// How a kernel is moved over a picture.
#[derive(Clone, Copy)]
pub struct Walk {
    pub stride: usize,
    /// Zeros above and to the left; below and to the right there are as many as the size of the result asks for.
    pub padding: usize,
    /// Height and width of the input.
    pub from: (usize, usize),
    /// Height and width of the result; of a doubling, twice those of the input.
    pub to: (usize, usize),
}

/// What is done to a picture before and after.
#[derive(Clone, Copy, Default)]
pub struct Around<'a> {
    /// What is done to each channel of each picture; silu comes after.
    pub norm: Option<&'a [Affine]>,
    /// Added to each output channel, (outputs).
    pub bias: Option<&'a [f32]>,
    /// Added to each output channel of each picture, (batch, outputs).
    pub shift: Option<&'a [f32]>,
    /// Added to the result, of its shape.
    pub residual: Option<&'a [f32]>,
}

/// (batch, inputs, from) → (batch, outputs, to).
pub fn conv(kernel: &Kernel, x: &[f32], walk: Walk, around: Around) -> Vec<f32> {
    let picture = kernel.inputs * walk.from.0 * walk.from.1;
    if walk.to.0 * walk.to.1 == 0 || picture == 0 || kernel.outputs == 0 {
        return Vec::new();
    }
    if small::serves(kernel, walk, x.len() / picture) {
        return small::conv(kernel, x, walk, around);
    }
    strung(kernel, x, walk, around)
}

/// The same by rows strung together; nothing is empty.
pub(super) fn strung(kernel: &Kernel, x: &[f32], walk: Walk, around: Around) -> Vec<f32> {
    let (height, width) = walk.to;
    let picture = kernel.inputs * walk.from.0 * walk.from.1;
    let batch = x.len() / picture;
    let mut out = vec![0f32; batch * kernel.outputs * height * width];
    let scale = if kernel.doubles() { 2 } else { 1 };
    let per_row = kernel.inputs * walk.stride * walk.stride * (width / scale + kernel.side);
    let fitting = (BAND / per_row).saturating_sub(kernel.side).max(1);
    let shared = height.div_ceil(scale).div_ceil(rayon::current_num_threads().div_ceil(batch));
    let rows = fitting.min(shared) * scale;
    // What each band writes: its rows of each channel.
    let mut bands: Vec<Band> = Vec::with_capacity(batch * height.div_ceil(rows));
    for (b, picture) in out.chunks_exact_mut(kernel.outputs * height * width).enumerate() {
        let first = bands.len();
        bands.extend((0..height).step_by(rows).map(|top| Band { picture: b, top, channels: Vec::new() }));
        for channel in picture.chunks_exact_mut(height * width) {
            for (band, rows) in bands[first..].iter_mut().zip(channel.chunks_mut(rows * width)) {
                band.channels.push(rows);
            }
        }
    }
    let arch = Arch::new();
    bands.into_par_iter().for_each(|mut band| {
        let x = &x[band.picture * picture..][..picture];
        arch.dispatch(InTiles(Work { kernel, x, walk, around, band: &mut band }));
    });
    out
}

struct Band<'a> {
    picture: usize,
    /// First row of the result.
    top: usize,
    channels: Vec<&'a mut [f32]>,
}

struct Work<'a, 'b> {
    kernel: &'a Kernel,
    x: &'a [f32],
    walk: Walk,
    around: Around<'a>,
    band: &'a mut Band<'b>,
}

/// The padded copy of a band: per channel a plane for each phase of the stride.
struct Copy {
    values: Vec<f32>,
    /// Length of a channel's planes, of a plane, of a row.
    channel: usize,
    plane: usize,
    row: usize,
}

impl Tiled for Work<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const C: usize>(mut self, simd: S) {
        let Some(height) = self.band.channels.first().map(|rows| rows.len() / self.walk.to.1) else { return };
        if self.kernel.doubles() {
            let (height, width) = (height / 2, self.walk.to.1 / 2);
            let copy = self.copy(simd, self.band.top / 2, height, width);
            for phase in 0..4 {
                self.phase::<S, C>(simd, &copy, (height, width), phase);
            }
        } else {
            let width = self.walk.to.1;
            let copy = self.copy(simd, self.band.top, height, width);
            self.phase::<S, C>(simd, &copy, (height, width), 0);
        }
    }
}

impl Work<'_, '_> {
    /// The results that one phase of the kernel gives, on a grid of `height` by `width`.
    #[inline(always)]
    fn phase<S: Simd, const C: usize>(&mut self, simd: S, copy: &Copy, (height, width): (usize, usize), phase: usize) {
        let stride = self.walk.stride;
        let side = if self.kernel.doubles() { 2 } else { self.kernel.side };
        // Where each weight's input is for the first result.
        let mut taps = Vec::with_capacity(self.kernel.inputs * side * side);
        for input in 0..self.kernel.inputs {
            for y in phase / 2..phase / 2 + side {
                let row = input * copy.channel + y % stride * stride * copy.plane + y / stride * copy.row;
                taps.extend((phase % 2..phase % 2 + side).map(|x| row + x % stride * copy.plane + x / stride));
            }
        }
        let length = (height - 1) * copy.row + width;
        for first in (0..self.kernel.outputs).step_by(C) {
            let mut at = 0;
            while at < length {
                match (length - at).div_ceil(S::F32_LANES) {
                    1 => self.tile::<S, C, 1>(simd, copy, &taps, (first, at, phase)),
                    2 => self.tile::<S, C, 2>(simd, copy, &taps, (first, at, phase)),
                    _ => self.tile::<S, C, 3>(simd, copy, &taps, (first, at, phase)),
                }
                at += 3 * S::F32_LANES;
            }
        }
    }

    #[inline(always)]
    fn copy<S: Simd>(&self, simd: S, top: usize, height: usize, width: usize) -> Copy {
        let Walk { stride, padding, from: (from_height, from_width), .. } = self.walk;
        let reach = (self.kernel.side - 1) / stride;
        let row = width + reach;
        let plane = (height + reach) * row;
        let channel = stride * stride * plane;
        // Vectors read beyond the last result.
        let mut values = vec![0f32; self.kernel.inputs * channel + 3 * S::F32_LANES];
        let top = top * stride;
        let (first, last) = (top.saturating_sub(padding), (top + (height + reach) * stride - padding).min(from_height));
        let mut normed = Vec::new();
        for input in 0..self.kernel.inputs {
            let mut source =
                &self.x[(input * from_height + first) * from_width..][..last.saturating_sub(first) * from_width];
            if let Some(norm) = self.around.norm {
                normed.resize(source.len(), 0f32);
                map(simd, source, &mut normed, Then(norm[self.band.picture * self.kernel.inputs + input], Silu));
                source = &normed;
            }
            let planes = &mut values[input * channel..][..channel];
            for (y, line) in (first..last).zip(source.chunks_exact(from_width)) {
                let y = y + padding - top;
                for phase in 0..stride {
                    // Columns x of the result's grid with x · stride + phase = column of the input + padding.
                    let begin = padding.saturating_sub(phase).div_ceil(stride);
                    let from = begin * stride + phase - padding;
                    let to = &mut planes[(y % stride * stride + phase) * plane + y / stride * row + begin..];
                    let count = (row - begin).min(from_width.saturating_sub(from).div_ceil(stride));
                    if stride == 1 {
                        to[..count].copy_from_slice(&line[from..][..count]);
                    } else {
                        for (to, from) in to[..count].iter_mut().zip(line[from..].iter().step_by(stride)) {
                            *to = *from;
                        }
                    }
                }
            }
        }
        Copy { values, channel, plane, row }
    }

    /// Results from `at` on, of `C` channels from `first` on.
    #[inline(always)]
    fn tile<S: Simd, const C: usize, const V: usize>(
        &mut self,
        simd: S,
        copy: &Copy,
        taps: &[usize],
        (first, at, phase): (usize, usize, usize),
    ) {
        let (kernel, around) = (self.kernel, self.around);
        let kept = C.min(kernel.outputs - first);
        let mut starts = [0f32; C];
        for (c, start) in starts[..kept].iter_mut().enumerate() {
            let bias = around.bias.map_or(0.0, |bias| bias[first + c]);
            let shift = around.shift.map_or(0.0, |shift| shift[self.band.picture * kernel.outputs + first + c]);
            *start = bias + shift;
        }
        let mut tile: Tile<S, C, V> = [[simd.splat_f32s(0.0); V]; C];
        for c in 0..C {
            tile[c] = [simd.splat_f32s(starts[c]); V];
        }
        let weights = &kernel.phases[phase][first / GROUP * GROUP * taps.len() + first % GROUP..];
        let values = &copy.values[at..];
        let mut weight = 0;
        for tap in taps {
            add_product(simd, &mut tile, &weights[weight..], &values[*tap..]);
            weight += GROUP;
        }
        let mut stored = [0f32; 8 * 48];
        store::<S, C, V>(&tile, &mut stored);
        let (width, size) = (self.walk.to.1, self.walk.to.0 * self.walk.to.1);
        let scale = if kernel.doubles() { 2 } else { 1 };
        for (c, line) in stored.chunks_exact(V * S::F32_LANES).take(kept).enumerate() {
            let out = &mut *self.band.channels[first + c];
            let channel = (self.band.picture * kernel.outputs + first + c) * size + self.band.top * width;
            // The rows that the vectors touch.
            for y in at / copy.row..=(at + V * S::F32_LANES - 1) / copy.row {
                let below = (y * scale + phase / 2) * width;
                if below >= out.len() {
                    continue;
                }
                let start = y * copy.row;
                let begin = at.max(start);
                let odd = phase % 2;
                let end = (at + V * S::F32_LANES).min(start + width / scale);
                if begin >= end {
                    continue;
                }
                let to = below + (begin - start) * scale + odd;
                let (out, line) = (&mut out[to..=to + (end - begin - 1) * scale], &line[begin - at..end - at]);
                match around.residual {
                    Some(residual) => {
                        let residual = residual[channel + to..].iter().step_by(scale);
                        for ((out, value), residual) in out.iter_mut().step_by(scale).zip(line).zip(residual) {
                            *out = value + residual;
                        }
                    }
                    None if scale == 1 => out.copy_from_slice(line),
                    None => {
                        for (out, value) in out.iter_mut().step_by(scale).zip(line) {
                            *out = *value;
                        }
                    }
                }
            }
        }
    }
}

//! The way back through a convolution.
//!
//! The gradient of the input is a convolution as well: of the result's gradient, with the kernel transposed. That of
//! the weights is a sum of outer products over all pixels, taken from the picture with its channels side by side.

use rayon::prelude::*;

use super::super::conv::{Around, Kernel, Walk, conv};
use super::super::tile::GROUP;
use super::super::vector::Affine;
use super::activation::through_silu;
use super::outer::{Outer, Share, slack};

/// Numbers of a picture that are rearranged at once: what leaves room in a core's cache.
const BLOCK: usize = 1 << 16;

/// What was done on the way there.
#[derive(Clone, Copy)]
pub struct Way {
    pub outputs: usize,
    pub inputs: usize,
    pub side: usize,
    pub walk: Walk,
    /// Whether the picture was doubled by nearest neighbour before.
    pub doubles: bool,
}

/// weights (outputs, inputs, side, side), gradient (batch, outputs, to) → (batch, inputs, from).
pub fn input(way: Way, weights: &[f32], gradient: &[f32]) -> Vec<f32> {
    let Way { outputs, inputs, side, walk, doubles } = way;
    if doubles {
        // Four pixels were one: their sum is a kernel one larger, in steps of two.
        let kernel = Kernel::pack(&transposed(weights, outputs, inputs, 4, &summed), inputs, outputs, 4);
        let walk = Walk { stride: 2, padding: 1, from: walk.to, to: walk.from };
        return conv(&kernel, gradient, walk, Around::default());
    }
    let turn =
        |kernel: &[f32], out: &mut [f32]| out.iter_mut().zip(kernel.iter().rev()).for_each(|(to, from)| *to = *from);
    let kernel = Kernel::pack(&transposed(weights, outputs, inputs, side, &turn), inputs, outputs, side);
    let spread = spread(gradient, walk);
    let (gradient, from) = spread.as_ref().map_or((gradient, walk.to), |(spread, from)| (spread.as_slice(), *from));
    let walk = Walk { stride: 1, padding: side - 1 - walk.padding, from, to: walk.from };
    conv(&kernel, gradient, walk, Around::default())
}

/// From (outputs, inputs, taps) to (inputs, outputs, `side`²), each kernel as `each` writes it.
fn transposed(
    weights: &[f32],
    outputs: usize,
    inputs: usize,
    side: usize,
    each: &(dyn Fn(&[f32], &mut [f32]) + Sync),
) -> Vec<f32> {
    let (taps, per_kernel) = (side * side, weights.len() / (outputs * inputs).max(1));
    let mut out = vec![0f32; inputs * outputs * taps];
    out.par_chunks_mut((outputs * taps).max(1)).enumerate().for_each(|(input, out)| {
        for (output, out) in out.chunks_exact_mut(taps).enumerate() {
            each(&weights[(output * inputs + input) * per_kernel..][..per_kernel], out);
        }
    });
    out
}

/// The kernel of 4 × 4 that a gradient goes back through, of one of 3 × 3 over a doubled picture.
fn summed(kernel: &[f32], out: &mut [f32]) {
    for (tap, weight) in kernel.iter().enumerate() {
        let (y, x) = (tap / 3, tap % 3);
        for (odd_y, odd_x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            out[(2 + odd_y - y) * 4 + 2 + odd_x - x] += weight;
        }
    }
}

/// With zeros between the results of a stride, and its sides then; none without a stride.
fn spread(gradient: &[f32], walk: Walk) -> Option<(Vec<f32>, (usize, usize))> {
    let Walk { stride, to: (height, width), .. } = walk;
    if stride == 1 {
        return None;
    }
    let (wide_height, wide_width) = ((height - 1) * stride + 1, (width - 1) * stride + 1);
    let mut out = vec![0f32; gradient.len() / (height * width).max(1) * wide_height * wide_width];
    out.par_chunks_mut(wide_height * wide_width).zip(gradient.par_chunks(height * width)).for_each(|(out, plane)| {
        for (out, line) in out.chunks_mut(stride * wide_width).zip(plane.chunks_exact(width)) {
            out.iter_mut().step_by(stride).zip(line).for_each(|(to, from)| *to = *from);
        }
    });
    Some((out, (wide_height, wide_width)))
}

/// x (batch, inputs, from) as it came, gradient (batch, outputs, to) → (outputs, inputs, side, side). With `norm`, x
/// went through what that does to each channel of each picture, and silu.
pub fn weights(way: Way, x: &[f32], norm: Option<&[Affine]>, gradient: &[f32]) -> Vec<f32> {
    if !way.doubles {
        let mut sums = Outer::new(way.outputs, way.inputs, way.side * way.side);
        Grid::of(way).each(x, norm, gradient, 0, &mut sums);
        return sums.finish();
    }
    // As on the way there: four kernels of 2 × 2, some of whose weights are the same.
    let mut out = vec![0f32; way.outputs * way.inputs * 9];
    for phase in 0..4 {
        let mut sums = Outer::new(way.outputs, way.inputs, 4);
        Grid::of(way).each(x, norm, gradient, phase, &mut sums);
        let seen = |tap: usize, odd: usize| (tap + 1 + odd) / 2 - odd;
        for (out, sums) in out.chunks_exact_mut(9).zip(sums.finish().chunks_exact(4)) {
            for (tap, out) in out.iter_mut().enumerate() {
                *out += sums[seen(tap / 3, phase / 2) * 2 + seen(tap % 3, phase % 2)];
            }
        }
    }
    out
}

/// Sum of each plane of (batch · channels, pixels), then what they are over the batch: (batch · channels), (channels).
pub fn planes(gradient: &[f32], pixels: usize, channels: usize) -> (Vec<f32>, Vec<f32>) {
    let sums: Vec<f32> = gradient.par_chunks(pixels.max(1)).map(super::activation::total).collect();
    let mut over_batch = vec![0f32; channels];
    for picture in sums.chunks_exact(channels.max(1)) {
        over_batch.iter_mut().zip(picture).for_each(|(to, from)| *to += from);
    }
    (sums, over_batch)
}

/// How pixels are gone through: bands of rows of some pictures at a time.
struct Grid {
    way: Way,
    /// Height and width of what is gone through: of the result, or of one phase of a doubling.
    to: (usize, usize),
    /// Taps in a row of the kernel, or of the kernel of a phase.
    taps: usize,
    /// Rows of the result in a band.
    rows: usize,
    /// Height and width of the input's piece under a band, with its padding.
    piece: (usize, usize),
}

/// Some rows of a picture.
#[derive(Clone, Copy)]
struct Band {
    picture: usize,
    top: usize,
    rows: usize,
}

impl Grid {
    fn of(way: Way) -> Self {
        let Walk { stride, from, to, .. } = way.walk;
        let (to, taps, reach) = if way.doubles { (from, 2, 3) } else { (to, way.side, way.side) };
        let width = (to.1 - 1) * stride + reach;
        let fitting = (BLOCK / (width * way.inputs)).saturating_sub(reach) / stride;
        let rows = fitting.clamp(1, to.0);
        Self { way, to, taps, rows, piece: ((rows - 1) * stride + reach, width) }
    }

    fn each(&self, x: &[f32], norm: Option<&[Affine]>, gradient: &[f32], phase: usize, sums: &mut Outer) {
        let Way { inputs, walk, .. } = self.way;
        let batch = x.len() / (inputs * walk.from.0 * walk.from.1).max(1);
        let bands: Vec<Band> = (0..batch)
            .flat_map(|picture| (0..self.to.0).step_by(self.rows).map(move |top| (picture, top)))
            .map(|(picture, top)| Band { picture, top, rows: self.rows.min(self.to.0 - top) })
            .collect();
        let size = self.piece.0 * self.piece.1 * inputs;
        let together = (BLOCK / size).max(1);
        let shifts: Vec<usize> = (0..self.taps * self.taps)
            .map(|tap| ((tap / self.taps + phase / 2) * self.piece.1 + tap % self.taps + phase % 2) * inputs)
            .collect();
        let mut right = vec![0f32; together * size + slack()];
        let (mut left, mut at) = (Vec::new(), Vec::new());
        for bands in bands.chunks(together) {
            right[..bands.len() * size].par_chunks_mut(size).zip(bands).for_each(|(piece, band)| {
                self.copy(x, norm, *band, piece);
            });
            at.clear();
            for (i, band) in bands.iter().enumerate() {
                let pixel = |y: usize, x: usize| i * size + (y * self.piece.1 + x) * walk.stride * inputs;
                at.extend((0..band.rows).flat_map(|y| (0..self.to.1).map(move |x| (y, x))).map(|(y, x)| pixel(y, x)));
            }
            self.gather(gradient, bands, phase, &mut left);
            sums.add(Share { left: &left, right: &right, at: &at, shifts: &shifts });
        }
    }

    /// The input under a band, with its padding and its channels side by side: (piece, inputs).
    fn copy(&self, x: &[f32], norm: Option<&[Affine]>, band: Band, piece: &mut [f32]) {
        let Way { inputs, walk, .. } = self.way;
        let (height, width) = walk.from;
        let picture = &x[band.picture * inputs * height * width..][..inputs * height * width];
        piece.fill(0.0);
        let first = band.top * walk.stride;
        let mut lines = vec![0f32; GROUP * width];
        for y in 0..self.piece.0 {
            let Some(from) = (first + y).checked_sub(walk.padding).filter(|y| *y < height) else { continue };
            let row = &mut piece[y * self.piece.1 * inputs..][..self.piece.1 * inputs];
            let count = width.min(self.piece.1 - walk.padding);
            for channel in (0..inputs).step_by(GROUP) {
                let channels = GROUP.min(inputs - channel);
                for (c, line) in lines.chunks_exact_mut(width).take(channels).enumerate() {
                    let source = &picture[((channel + c) * height + from) * width..][..width];
                    match norm {
                        Some(norm) => through_silu(source, norm[band.picture * inputs + channel + c], line),
                        None => line.copy_from_slice(source),
                    }
                }
                for x in 0..count {
                    let pixel = &mut row[(x + walk.padding) * inputs + channel..][..channels];
                    for (c, to) in pixel.iter_mut().enumerate() {
                        *to = lines[c * width + x];
                    }
                }
            }
        }
    }

    /// The result's gradient in the order of the pixels: (outputs / 8, pixels, 8).
    fn gather(&self, gradient: &[f32], bands: &[Band], phase: usize, left: &mut Vec<f32>) {
        let outputs = self.way.outputs;
        let (height, width) = self.way.walk.to;
        let scale = if self.way.doubles { 2 } else { 1 };
        let pixels: usize = bands.iter().map(|band| band.rows * self.to.1).sum();
        left.clear();
        left.resize(outputs.next_multiple_of(GROUP) * pixels, 0.0);
        left.par_chunks_mut(pixels * GROUP).enumerate().for_each(|(group, left)| {
            for output in group * GROUP..(group * GROUP + GROUP).min(outputs) {
                let mut to = left[output % GROUP..].iter_mut().step_by(GROUP);
                for band in bands {
                    let plane = &gradient[(band.picture * outputs + output) * height * width..][..height * width];
                    for y in band.top..band.top + band.rows {
                        let line = &plane[(y * scale + phase / 2) * width..][..width];
                        let line = line[phase % 2..].iter().step_by(scale);
                        line.zip(&mut to).for_each(|(from, to)| *to = *from);
                    }
                }
            }
        });
    }
}

//! x·Wᵀ + b, with weights that lie in the order of their use.

use pulp::{Arch, Simd};
use rayon::prelude::*;

use super::tile::{GROUP, InTiles, Tile, Tiled, add_product, store};
use super::vector::gelu;

/// Outputs side by side: two of the widest vectors.
const PANEL: usize = 32;
/// Rows whose inputs are packed at once.
const BAND: usize = 64;

/// Weights as (outputs / 32, inputs, 32).
#[derive(Clone)]
pub struct Weights {
    panels: Vec<f32>,
    pub outputs: usize,
    pub inputs: usize,
}

impl Weights {
    /// From (outputs, inputs).
    pub fn pack(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        let mut panels = vec![0.0; outputs.next_multiple_of(PANEL) * inputs];
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let panel = &mut panels[output / PANEL * PANEL * inputs + output % PANEL..];
            for (to, from) in panel.iter_mut().step_by(PANEL).zip(row) {
                *to = *from;
            }
        }
        Self { panels, outputs, inputs }
    }

    /// Those of the layer the other way, from outputs to inputs, from (outputs, inputs).
    pub fn pack_transposed(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        let mut panels = vec![0.0; inputs.next_multiple_of(PANEL) * outputs];
        for (i, panel) in panels.chunks_exact_mut((outputs * PANEL).max(1)).enumerate() {
            let columns = i * PANEL..(i * PANEL + PANEL).min(inputs);
            for (to, row) in panel.chunks_exact_mut(PANEL).zip(weights.chunks_exact(inputs)) {
                to[..columns.len()].copy_from_slice(&row[columns.clone()]);
            }
        }
        Self { panels, outputs: inputs, inputs: outputs }
    }

    /// Back to (outputs, inputs).
    pub fn unpack(&self) -> Vec<f32> {
        let output = |i: usize| {
            let panel = &self.panels[i / PANEL * PANEL * self.inputs + i % PANEL..];
            panel.iter().step_by(PANEL).take(self.inputs).copied()
        };
        (0..self.outputs).flat_map(output).collect()
    }
}

/// A layer: weights, and a bias (outputs).
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    pub weights: &'a Weights,
    pub bias: Option<&'a [f32]>,
}

/// What is done to the results of a layer, number by number.
#[derive(Clone, Copy)]
pub enum After<'a> {
    Nothing,
    /// Numbers of the result's shape are added.
    Add(&'a [f32]),
    /// They are multiplied by the gelu of another layer's results (Shazeer 2020).
    Gate(Layer<'a>),
}

/// x (rows, inputs) → (rows, outputs).
pub fn linear(layer: Layer, x: &[f32], after: After) -> Vec<f32> {
    let (inputs, outputs) = (layer.weights.inputs, layer.weights.outputs);
    if x.is_empty() || outputs == 0 {
        return Vec::new();
    }
    let rows = x.len() / inputs;
    let mut out = vec![0f32; rows * outputs];
    let arch = Arch::new();
    // All threads get some.
    let band = rows.div_ceil(rayon::current_num_threads()).next_multiple_of(GROUP).min(BAND);
    out.par_chunks_mut(band * outputs).enumerate().for_each(|(i, out)| {
        let x = &x[i * band * inputs..][..out.len() / outputs * inputs];
        let after = match after {
            After::Add(residual) => After::Add(&residual[i * band * outputs..]),
            other => other,
        };
        arch.dispatch(InTiles(Band { layer, x, after, out }));
    });
    out
}

struct Band<'a> {
    layer: Layer<'a>,
    x: &'a [f32],
    after: After<'a>,
    out: &'a mut [f32],
}

impl Tiled for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const C: usize>(mut self, simd: S) {
        let inputs = self.layer.weights.inputs;
        let rows = self.x.len() / inputs;
        // (rows / 8, inputs, 8)
        let mut packed = vec![0f32; rows.next_multiple_of(GROUP) * inputs];
        for (row, values) in self.x.chunks_exact(inputs).enumerate() {
            let group = &mut packed[row / GROUP * GROUP * inputs + row % GROUP..];
            for (to, from) in group.iter_mut().step_by(GROUP).zip(values) {
                *to = *from;
            }
        }
        for column in (0..self.layer.weights.outputs).step_by(2 * S::F32_LANES) {
            for row in (0..rows).step_by(C) {
                self.tile::<S, C>(simd, &packed, row, column);
            }
        }
    }
}

impl Band<'_> {
    #[inline(always)]
    fn tile<S: Simd, const C: usize>(&mut self, simd: S, packed: &[f32], row: usize, column: usize) {
        let (outputs, span) = (self.layer.weights.outputs, 2 * S::F32_LANES);
        let count = span.min(outputs - column);
        let tile = self.layer.product::<S, C>(simd, packed, row, column);
        let mut lines = [0f32; GROUP * PANEL];
        match self.after {
            After::Gate(gates) => {
                let gates = gates.product::<S, C>(simd, packed, row, column);
                let mut gated = tile;
                for c in 0..C {
                    for v in 0..2 {
                        gated[c][v] = simd.mul_f32s(tile[c][v], gelu(simd, gates[c][v]));
                    }
                }
                store::<S, C, 2>(&gated, &mut lines);
            }
            _ => store::<S, C, 2>(&tile, &mut lines),
        }
        for (c, line) in lines.chunks_exact(span).take(C).enumerate() {
            let at = (row + c) * outputs + column;
            let Some(out) = self.out.get_mut(at..at + count) else { break };
            match self.after {
                After::Add(residual) => {
                    for ((out, value), residual) in out.iter_mut().zip(line).zip(&residual[at..]) {
                        *out = value + residual;
                    }
                }
                _ => out.copy_from_slice(&line[..count]),
            }
        }
    }
}

impl Layer<'_> {
    /// `C` rows from `row` on of two vectors of outputs from `column` on.
    #[inline(always)]
    fn product<S: Simd, const C: usize>(&self, simd: S, packed: &[f32], row: usize, column: usize) -> Tile<S, C, 2> {
        let Weights { panels, outputs, inputs } = self.weights;
        let (inputs, span) = (*inputs, 2 * S::F32_LANES);
        let panel = &panels[column / PANEL * PANEL * inputs + column % PANEL..];
        let left = &packed[row / GROUP * GROUP * inputs + row % GROUP..];
        let count = span.min(outputs - column);
        let mut line = [0f32; PANEL];
        if let Some(bias) = self.bias {
            line[..count].copy_from_slice(&bias[column..][..count]);
        }
        let start = S::as_simd_f32s(&line[..span]).0;
        let mut tile: Tile<S, C, 2> = [[start[0], start[1]]; C];
        for i in 0..inputs {
            add_product(simd, &mut tile, &left[i * GROUP..], &panel[i * PANEL..]);
        }
        tile
    }
}

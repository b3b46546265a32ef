//! The way back through a linear layer.

use rayon::prelude::*;

use super::super::linear::{After, Layer, Weights, linear};
use super::super::tile::GROUP;
use super::outer::{Outer, Share, slack};

/// Rows whose outer products are summed at once.
const BLOCK: usize = 256;

/// weights (outputs, inputs), gradient (rows, outputs) → (rows, inputs).
pub fn input(weights: &[f32], inputs: usize, gradient: &[f32], outputs: usize) -> Vec<f32> {
    let weights = Weights::pack_transposed(weights, outputs, inputs);
    linear(Layer { weights: &weights, bias: None }, gradient, After::Nothing)
}

/// x (rows, inputs), gradient (rows, outputs) → (outputs, inputs).
pub fn weights(x: &[f32], inputs: usize, gradient: &[f32], outputs: usize) -> Vec<f32> {
    let mut sums = Outer::new(outputs, inputs, 1);
    if inputs == 0 || outputs == 0 {
        return sums.finish();
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let at: Vec<usize> = (0..BLOCK).map(|row| row * inputs).collect();
    for (x, gradient) in x.chunks(BLOCK * inputs).zip(gradient.chunks(BLOCK * outputs)) {
        let rows = x.len() / inputs;
        right.clear();
        right.extend_from_slice(x);
        right.resize(x.len() + slack(), 0.0);
        left.clear();
        left.resize(outputs.next_multiple_of(GROUP) * rows, 0.0);
        left.par_chunks_mut(rows * GROUP).enumerate().for_each(|(group, left)| {
            let count = GROUP.min(outputs - group * GROUP);
            for (to, from) in left.chunks_exact_mut(GROUP).zip(gradient.chunks_exact(outputs)) {
                to[..count].copy_from_slice(&from[group * GROUP..][..count]);
            }
        });
        sums.add(Share { left: &left, right: &right, at: &at[..rows], shifts: &[0] });
    }
    sums.finish()
}

/// gradient (rows, outputs) → (outputs), the bias's.
pub fn bias(gradient: &[f32], outputs: usize) -> Vec<f32> {
    let mut out = vec![0f32; outputs];
    if outputs == 0 {
        return out;
    }
    // Each block for itself, so that no sum gets long.
    let blocks: Vec<Vec<f32>> = gradient.par_chunks(BLOCK * outputs).map(|rows| columns(rows, outputs)).collect();
    blocks.iter().for_each(|block| out.iter_mut().zip(block).for_each(|(to, from)| *to += from));
    out
}

fn columns(rows: &[f32], outputs: usize) -> Vec<f32> {
    let mut out = vec![0f32; outputs];
    for row in rows.chunks_exact(outputs) {
        out.iter_mut().zip(row).for_each(|(to, from)| *to += from);
    }
    out
}

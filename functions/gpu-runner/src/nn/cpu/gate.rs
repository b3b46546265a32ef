//! Activations: of a whole tensor, and of one half of it as the gate of the other.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::vector::{Gelu, Silu, map};

/// Numbers that a thread takes at once.
const BAND: usize = 1 << 14;

#[derive(Clone, Copy)]
pub enum Function {
    Silu,
    Gelu,
}

pub fn activation(x: &[f32], function: Function) -> Vec<f32> {
    let mut out = vec![0f32; x.len()];
    let arch = Arch::new();
    out.par_chunks_mut(BAND).zip(x.par_chunks(BAND)).for_each(|(out, x)| arch.dispatch(Apply { x, function, out }));
    out
}

struct Apply<'a> {
    x: &'a [f32],
    function: Function,
    out: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.function {
            Function::Silu => map(simd, self.x, self.out, Silu),
            Function::Gelu => map(simd, self.x, self.out, Gelu),
        }
    }
}

/// Rows of (value, gate) → value · gelu(gate), half as wide (Shazeer 2020).
pub fn geglu(x: &[f32], half: usize) -> Vec<f32> {
    let mut out = vec![0f32; x.len() / 2];
    if half == 0 {
        return out;
    }
    let arch = Arch::new();
    let rows = (BAND / half).max(1);
    out.par_chunks_mut(rows * half)
        .zip(x.par_chunks(rows * 2 * half))
        .for_each(|(out, x)| arch.dispatch(Gates { x, half, out }));
    out
}

struct Gates<'a> {
    x: &'a [f32],
    half: usize,
    out: &'a mut [f32],
}

impl WithSimd for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (x, out) in self.x.chunks_exact(2 * self.half).zip(self.out.chunks_exact_mut(self.half)) {
            let (value, gate) = x.split_at(self.half);
            map(simd, gate, out, Gelu);
            for (out, value) in out.iter_mut().zip(value) {
                *out *= value;
            }
        }
    }
}

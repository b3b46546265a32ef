//! Activations on their own.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::vector::{Gelu, QuickGelu, Silu, map};

/// Numbers that a thread takes at once.
const BAND: usize = 1 << 14;

#[derive(Clone, Copy)]
pub enum Function {
    Silu,
    Gelu,
    QuickGelu,
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
            Function::QuickGelu => map(simd, self.x, self.out, QuickGelu),
        }
    }
}

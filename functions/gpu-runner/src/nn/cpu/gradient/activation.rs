//! The way back through activations, number by number.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::activation::Function;
use super::super::vector::{Affine, Function as Slope, Gelu, Silu, Then, exp, gelu, map, normal, sum};

/// Numbers that a thread takes at once.
const BAND: usize = 1 << 14;

/// d silu(x) / dx = σ(x) · (1 + x · (1 − σ(x))).
#[inline(always)]
pub fn silu_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let sigmoid = simd.div_f32s(one, simd.add_f32s(exp(simd, simd.neg_f32s(x)), one));
    simd.mul_f32s(sigmoid, simd.mul_add_e_f32s(x, simd.sub_f32s(one, sigmoid), one))
}

/// d gelu(x) / dx = Φ(x) + x · φ(x), of the exact gelu.
#[inline(always)]
pub fn gelu_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (below, density) = normal(simd, x);
    // 1 / √(2π).
    simd.mul_add_e_f32s(simd.mul_f32s(x, density), simd.splat_f32s(0.398_942_3), below)
}

/// Gradient of x from that of `function` of x, in its place.
pub fn activation(x: &[f32], gradient: &mut [f32], function: Function) {
    let arch = Arch::new();
    gradient.par_chunks_mut(BAND).zip(x.par_chunks(BAND)).for_each(|(gradient, x)| {
        arch.dispatch(Back { x, gradient, function });
    });
}

struct Back<'a> {
    x: &'a [f32],
    gradient: &'a mut [f32],
    function: Function,
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.function {
            Function::Silu => scale(simd, self.x, self.gradient, SiluSlope),
            Function::Gelu => scale(simd, self.x, self.gradient, GeluSlope),
            Function::QuickGelu => scale(simd, self.x, self.gradient, QuickGeluSlope),
        }
    }
}

#[derive(Clone, Copy)]
struct SiluSlope;

impl<S: Simd> Slope<S> for SiluSlope {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        silu_slope(simd, x)
    }
}

#[derive(Clone, Copy)]
struct GeluSlope;

impl<S: Simd> Slope<S> for GeluSlope {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        gelu_slope(simd, x)
    }
}

/// Of x · σ(1.702 x).
#[derive(Clone, Copy)]
struct QuickGeluSlope;

impl<S: Simd> Slope<S> for QuickGeluSlope {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        silu_slope(simd, simd.mul_f32s(x, simd.splat_f32s(1.702)))
    }
}

/// gradient · slope(x), vector by vector.
#[inline(always)]
fn scale<S: Simd>(simd: S, x: &[f32], gradient: &mut [f32], slope: impl Slope<S>) {
    let (xs, x_rest) = S::as_simd_f32s(x);
    let (gradients, gradient_rest) = S::as_mut_simd_f32s(gradient);
    for (x, g) in xs.iter().zip(gradients) {
        *g = simd.mul_f32s(*g, slope.of(simd, *x));
    }
    if !x_rest.is_empty() {
        let (x, g) = (simd.partial_load_f32s(x_rest), simd.partial_load_f32s(gradient_rest));
        simd.partial_store_f32s(gradient_rest, simd.mul_f32s(g, slope.of(simd, x)));
    }
}

/// values · gelu(gates).
pub fn gate(values: &[f32], gates: &[f32]) -> Vec<f32> {
    let mut out = vec![0f32; values.len()];
    let arch = Arch::new();
    out.par_chunks_mut(BAND).zip(values.par_chunks(BAND)).zip(gates.par_chunks(BAND)).for_each(
        |((out, values), gates)| {
            arch.dispatch(Gate { values, gates, out });
        },
    );
    out
}

struct Gate<'a> {
    values: &'a [f32],
    gates: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        map(simd, self.gates, self.out, Gelu);
        for (out, value) in self.out.iter_mut().zip(self.values) {
            *out *= value;
        }
    }
}

/// Gradients of values and of gates, from that of what `gate` gave.
pub fn gate_back(values: &[f32], gates: &[f32], gradient: &[f32]) -> [Vec<f32>; 2] {
    let [mut to_values, mut to_gates] = [vec![0f32; values.len()], vec![0f32; values.len()]];
    let arch = Arch::new();
    let given = values.par_chunks(BAND).zip(gates.par_chunks(BAND)).zip(gradient.par_chunks(BAND));
    to_values.par_chunks_mut(BAND).zip(to_gates.par_chunks_mut(BAND)).zip(given).for_each(
        |((to_values, to_gates), ((values, gates), gradient))| {
            arch.dispatch(GateBack { values, gates, gradient, to_values, to_gates });
        },
    );
    [to_values, to_gates]
}

struct GateBack<'a> {
    values: &'a [f32],
    gates: &'a [f32],
    gradient: &'a [f32],
    to_values: &'a mut [f32],
    to_gates: &'a mut [f32],
}

impl WithSimd for GateBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let given = self.values.chunks(lanes).zip(self.gates.chunks(lanes)).zip(self.gradient.chunks(lanes));
        let to = self.to_values.chunks_mut(lanes).zip(self.to_gates.chunks_mut(lanes));
        for (((value, gate), gradient), (to_value, to_gate)) in given.zip(to) {
            let (value, gate) = (simd.partial_load_f32s(value), simd.partial_load_f32s(gate));
            let gradient = simd.partial_load_f32s(gradient);
            simd.partial_store_f32s(to_value, simd.mul_f32s(gradient, gelu(simd, gate)));
            let slope = simd.mul_f32s(value, gelu_slope(simd, gate));
            simd.partial_store_f32s(to_gate, simd.mul_f32s(gradient, slope));
        }
    }
}

/// out = silu(affine(x)).
pub fn through_silu(x: &[f32], affine: Affine, out: &mut [f32]) {
    Arch::new().dispatch(ThroughSilu { x, affine, out });
}

struct ThroughSilu<'a> {
    x: &'a [f32],
    affine: Affine,
    out: &'a mut [f32],
}

impl WithSimd for ThroughSilu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        map(simd, self.x, self.out, Then(self.affine, Silu));
    }
}

/// Σ x.
pub fn total(x: &[f32]) -> f32 {
    Arch::new().dispatch(Total(x))
}

struct Total<'a>(&'a [f32]);

impl WithSimd for Total<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        sum(simd, self.0, Affine { factor: 1.0, addend: 0.0 })
    }
}

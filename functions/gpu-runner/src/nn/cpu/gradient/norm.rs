//! The way back through norms: with x̂ the normed values and g the gradients of them times the weights,
//! dx = scale · (g − mean(g) − x̂ · mean(g · x̂)).

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::super::norm::moments;
use super::super::vector::{Affine, Function as _, Standard};
use super::activation::silu_slope;

/// Rows whose share of the parameters' gradients is summed at once.
const BLOCK: usize = 64;

/// Gradients of weight and bias.
pub struct Parameters {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A group norm over (batch, channels, pixels).
#[derive(Clone, Copy)]
pub struct Group<'a> {
    pub x: &'a [f32],
    /// Mean and reciprocal of the deviation of each group of each picture.
    pub moments: &'a [(f32, f32)],
    /// (channels).
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    /// Whether silu came after.
    pub act: bool,
}

/// `gradient` becomes that of x.
pub fn group(norm: Group, batch: usize, gradient: &mut [f32]) -> Parameters {
    let channels = norm.weight.len();
    let groups = norm.moments.len() / batch.max(1);
    let mut parameters = Parameters { weight: vec![0f32; channels], bias: vec![0f32; channels] };
    if groups == 0 || norm.x.is_empty() {
        return parameters;
    }
    let (per_group, size) = (channels / groups, norm.x.len() / (batch * groups));
    let arch = Arch::new();
    let shares: Vec<Vec<[f32; 2]>> = gradient
        .par_chunks_mut(size)
        .zip(norm.x.par_chunks(size))
        .enumerate()
        .map(|(i, (gradient, x))| {
            let first = i % groups * per_group;
            let part = |parameter: &'_ [f32]| parameter[first..first + per_group].to_vec();
            let (weight, bias) = (part(norm.weight), part(norm.bias));
            let (mean, scale) = norm.moments[i];
            arch.dispatch(OneGroup { x, gradient, weight: &weight, bias: &bias, mean, scale, act: norm.act })
        })
        .collect();
    for (i, share) in shares.iter().enumerate() {
        for (c, [bias, weight]) in share.iter().enumerate() {
            let channel = i % groups * per_group + c;
            parameters.bias[channel] += bias;
            parameters.weight[channel] += weight;
        }
    }
    parameters
}

struct OneGroup<'a> {
    x: &'a [f32],
    gradient: &'a mut [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    mean: f32,
    scale: f32,
    act: bool,
}

impl WithSimd for OneGroup<'_> {
    /// Of each channel Σ gradient and Σ gradient · x̂.
    type Output = Vec<[f32; 2]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let OneGroup { x, gradient, weight, bias, mean, scale, act } = self;
        let pixels = x.len() / weight.len();
        let mut sums = Vec::with_capacity(weight.len());
        let mut means = [0f32; 2];
        let channels = x.chunks_exact(pixels).zip(gradient.chunks_exact_mut(pixels)).zip(weight.iter().zip(bias));
        for ((x, gradient), (weight, bias)) in channels {
            let after = act.then_some(Affine { factor: *weight, addend: *bias });
            let of_channel = first_pass(simd, x, gradient, Standard { mean, scale }, after);
            for (mean, sum) in means.iter_mut().zip(of_channel) {
                *mean += weight * sum;
            }
            sums.push(of_channel);
        }
        let means = means.map(|sum| sum / x.len() as f32);
        for ((x, gradient), weight) in x.chunks_exact(pixels).zip(gradient.chunks_exact_mut(pixels)).zip(weight) {
            second_pass(simd, x, gradient, Standard { mean, scale }, *weight, means);
        }
        sums
    }
}

/// Takes a gradient back through silu where there was one `after` an affine; Σ of it, and Σ of its products with x̂.
#[inline(always)]
fn first_pass<S: Simd>(
    simd: S,
    x: &[f32],
    gradient: &mut [f32],
    standard: Standard,
    after: Option<Affine>,
) -> [f32; 2] {
    let mut sums = [simd.splat_f32s(0.0); 2];
    let (xs, x_rest) = S::as_simd_f32s(x);
    let (gradients, gradient_rest) = S::as_mut_simd_f32s(gradient);
    for (x, g) in xs.iter().zip(gradients) {
        *g = first_step(simd, *x, *g, standard, after, &mut sums);
    }
    if !x_rest.is_empty() {
        // Beyond the end the gradient is 0, and adds nothing.
        let (x, g) = (simd.partial_load_f32s(x_rest), simd.partial_load_f32s(gradient_rest));
        simd.partial_store_f32s(gradient_rest, first_step(simd, x, g, standard, after, &mut sums));
    }
    [simd.reduce_sum_f32s(sums[0]), simd.reduce_sum_f32s(sums[1])]
}

#[inline(always)]
fn first_step<S: Simd>(
    simd: S,
    x: S::f32s,
    mut gradient: S::f32s,
    standard: Standard,
    after: Option<Affine>,
    sums: &mut [S::f32s; 2],
) -> S::f32s {
    let normed = standard.of(simd, x);
    if let Some(affine) = after {
        gradient = simd.mul_f32s(gradient, silu_slope(simd, affine.of(simd, normed)));
    }
    sums[0] = simd.add_f32s(sums[0], gradient);
    sums[1] = simd.mul_add_e_f32s(gradient, normed, sums[1]);
    gradient
}

/// scale · (weight · gradient − plain − x̂ · product).
#[inline(always)]
fn second_pass<S: Simd>(
    simd: S,
    x: &[f32],
    gradient: &mut [f32],
    standard: Standard,
    weight: f32,
    [plain, product]: [f32; 2],
) {
    let factors = [weight, -plain, -product].map(|factor| factor * standard.scale);
    let (xs, x_rest) = S::as_simd_f32s(x);
    let (gradients, gradient_rest) = S::as_mut_simd_f32s(gradient);
    for (x, g) in xs.iter().zip(gradients) {
        *g = second_step(simd, *x, *g, standard, factors);
    }
    if !x_rest.is_empty() {
        let (x, g) = (simd.partial_load_f32s(x_rest), simd.partial_load_f32s(gradient_rest));
        simd.partial_store_f32s(gradient_rest, second_step(simd, x, g, standard, factors));
    }
}

#[inline(always)]
fn second_step<S: Simd>(simd: S, x: S::f32s, gradient: S::f32s, standard: Standard, factors: [f32; 3]) -> S::f32s {
    let [weight, plain, product] = factors;
    let off = simd.mul_add_e_f32s(standard.of(simd, x), simd.splat_f32s(product), simd.splat_f32s(plain));
    simd.mul_add_e_f32s(gradient, simd.splat_f32s(weight), off)
}

/// A layer norm over x (rows, weight.len()); `gradient` becomes that of x.
pub fn layer(x: &[f32], weight: &[f32], eps: f32, gradient: &mut [f32]) -> Parameters {
    let width = weight.len();
    let mut parameters = Parameters { weight: vec![0f32; width], bias: vec![0f32; width] };
    if width == 0 {
        return parameters;
    }
    let arch = Arch::new();
    let shares: Vec<Parameters> = gradient
        .par_chunks_mut(BLOCK * width)
        .zip(x.par_chunks(BLOCK * width))
        .map(|(gradient, x)| arch.dispatch(Rows { x, gradient, weight, eps }))
        .collect();
    for share in &shares {
        parameters.weight.iter_mut().zip(&share.weight).for_each(|(to, from)| *to += from);
        parameters.bias.iter_mut().zip(&share.bias).for_each(|(to, from)| *to += from);
    }
    parameters
}

struct Rows<'a> {
    x: &'a [f32],
    gradient: &'a mut [f32],
    weight: &'a [f32],
    eps: f32,
}

impl WithSimd for Rows<'_> {
    type Output = Parameters;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Parameters {
        let width = self.weight.len();
        let mut sums = Parameters { weight: vec![0f32; width], bias: vec![0f32; width] };
        let lanes = S::F32_LANES;
        for (x, gradient) in self.x.chunks_exact(width).zip(self.gradient.chunks_exact_mut(width)) {
            let (mean, scale) = moments(simd, x, self.eps);
            let standard = Standard { mean, scale };
            let zero = simd.splat_f32s(0.0);
            let (mut plain, mut product) = (zero, zero);
            let sums = sums.weight.chunks_mut(lanes).zip(sums.bias.chunks_mut(lanes));
            for (((x, g), weight), (to_weight, to_bias)) in
                x.chunks(lanes).zip(gradient.chunks_mut(lanes)).zip(self.weight.chunks(lanes)).zip(sums)
            {
                let normed = standard.of(simd, simd.partial_load_f32s(x));
                let gradient = simd.partial_load_f32s(g);
                let (bias_sum, weight_sum) = (simd.partial_load_f32s(to_bias), simd.partial_load_f32s(to_weight));
                simd.partial_store_f32s(to_bias, simd.add_f32s(bias_sum, gradient));
                simd.partial_store_f32s(to_weight, simd.mul_add_e_f32s(gradient, normed, weight_sum));
                let weighted = simd.mul_f32s(gradient, simd.partial_load_f32s(weight));
                plain = simd.add_f32s(plain, weighted);
                product = simd.mul_add_e_f32s(weighted, normed, product);
                simd.partial_store_f32s(g, weighted);
            }
            let count = width as f32;
            let means = [simd.reduce_sum_f32s(plain) / count, simd.reduce_sum_f32s(product) / count];
            second_pass(simd, x, gradient, standard, 1.0, means);
        }
        sums
    }
}

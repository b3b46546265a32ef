//! Functions of vectors, and of slices vector by vector.

use pulp::Simd;

/// Below, e^x is less than the smallest normal number.
const LEAST: f32 = -87.0;
/// Above, it is more than the largest.
const MOST: f32 = 88.0;

/// e^x within 2 units in the last place; 0 below −87, infinite above 88, NaN for NaN.
///
/// x = n ln 2 + r, and a polynomial on |r| ≤ ln 2 / 2 (the coefficients are Cephes's).
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding 1.5 · 2^23 rounds to an integer and leaves it in the lowest bits.
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), simd.splat_f32s(12_582_912.0));
    let n = simd.sub_f32s(shifted, simd.splat_f32s(12_582_912.0));
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(2.121_944_4e-4), r);
    let mut p = simd.splat_f32s(1.987_569_1e-4);
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = simd.mul_add_e_f32s(p, r, simd.splat_f32s(coefficient));
    }
    let p = simd.add_f32s(simd.mul_add_e_f32s(p, simd.mul_f32s(r, r), r), simd.splat_f32s(1.0));
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let result = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(p), exponent));
    let result = simd.select_f32s(simd.less_than_f32s(x, simd.splat_f32s(LEAST)), simd.splat_f32s(0.0), result);
    let result =
        simd.select_f32s(simd.greater_than_f32s(x, simd.splat_f32s(MOST)), simd.splat_f32s(f32::INFINITY), result);
    // Not by the arithmetic above: adding an exponent makes numbers of some NaNs.
    simd.select_f32s(simd.equal_f32s(x, x), result, x)
}

/// x / (1 + e^−x).
#[inline(always)]
pub fn silu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let e = exp(simd, simd.neg_f32s(x));
    simd.div_f32s(x, simd.add_f32s(e, simd.splat_f32s(1.0)))
}

/// x · Φ(x) = x/2 · (1 + erf(x/√2)): the exact gelu.
#[inline(always)]
pub fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.mul_f32s(x, normal(simd, x).0)
}

/// Φ(x) and e^(−x²/2). erf by Abramowitz and Stegun 7.1.26, whose error is below 1.5e-7.
#[inline(always)]
pub fn normal<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let z = simd.mul_f32s(simd.abs_f32s(x), simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2));
    let t =
        simd.div_f32s(simd.splat_f32s(1.0), simd.mul_add_e_f32s(z, simd.splat_f32s(0.327_591_1), simd.splat_f32s(1.0)));
    let mut p = simd.splat_f32s(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = simd.mul_add_e_f32s(p, t, simd.splat_f32s(coefficient));
    }
    let density = exp(simd, simd.neg_f32s(simd.mul_f32s(z, z)));
    // erfc(|z|) / 2: on one side that is the factor, on the other what is missing to 1.
    let half = simd.mul_f32s(simd.mul_f32s(simd.mul_f32s(p, t), density), simd.splat_f32s(0.5));
    let negative = simd.less_than_f32s(x, simd.splat_f32s(0.0));
    (simd.select_f32s(negative, half, simd.sub_f32s(simd.splat_f32s(1.0), half)), density)
}

/// A function of vectors. Not a closure: that would be compiled without the instructions that vectors need, and called.
pub trait Function<S: Simd>: Copy {
    fn of(self, simd: S, x: S::f32s) -> S::f32s;
}

#[derive(Clone, Copy)]
pub struct Silu;

impl<S: Simd> Function<S> for Silu {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        silu(simd, x)
    }
}

/// x · σ(1.702 x).
#[derive(Clone, Copy)]
pub struct QuickGelu;

impl<S: Simd> Function<S> for QuickGelu {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        let e = exp(simd, simd.mul_f32s(x, simd.splat_f32s(-1.702)));
        simd.div_f32s(x, simd.add_f32s(e, simd.splat_f32s(1.0)))
    }
}

#[derive(Clone, Copy)]
pub struct Gelu;

impl<S: Simd> Function<S> for Gelu {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        gelu(simd, x)
    }
}

/// x · factor + addend.
#[derive(Clone, Copy)]
pub struct Affine {
    pub factor: f32,
    pub addend: f32,
}

impl<S: Simd> Function<S> for Affine {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(x, simd.splat_f32s(self.factor), simd.splat_f32s(self.addend))
    }
}

/// The second of the first.
#[derive(Clone, Copy)]
pub struct Then<F, G>(pub F, pub G);

impl<S: Simd, F: Function<S>, G: Function<S>> Function<S> for Then<F, G> {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        self.1.of(simd, self.0.of(simd, x))
    }
}

/// (x − mean) · scale, where the difference of close numbers must stay exact.
#[derive(Clone, Copy)]
pub struct Standard {
    pub mean: f32,
    pub scale: f32,
}

impl<S: Simd> Function<S> for Standard {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        simd.mul_f32s(simd.sub_f32s(x, simd.splat_f32s(self.mean)), simd.splat_f32s(self.scale))
    }
}

/// (x − mean)²; x itself is `Affine { factor: 1.0, addend: 0.0 }`.
#[derive(Clone, Copy)]
pub struct SquaredDistance {
    pub mean: f32,
}

impl<S: Simd> Function<S> for SquaredDistance {
    #[inline(always)]
    fn of(self, simd: S, x: S::f32s) -> S::f32s {
        let distance = simd.sub_f32s(x, simd.splat_f32s(self.mean));
        simd.mul_f32s(distance, distance)
    }
}

/// out = f(x), vector by vector; the lengths are equal.
#[inline(always)]
pub fn map<S: Simd>(simd: S, x: &[f32], out: &mut [f32], f: impl Function<S>) {
    let (x, x_rest) = S::as_simd_f32s(x);
    let (out, out_rest) = S::as_mut_simd_f32s(out);
    for (x, out) in x.iter().zip(out) {
        *out = f.of(simd, *x);
    }
    if !x_rest.is_empty() {
        simd.partial_store_f32s(out_rest, f.of(simd, simd.partial_load_f32s(x_rest)));
    }
}

/// Σ f(x), in one sum per lane and four of those in turns.
#[inline(always)]
pub fn sum<S: Simd>(simd: S, x: &[f32], f: impl Function<S>) -> f32 {
    let zero = simd.splat_f32s(0.0);
    let (body, rest) = S::as_simd_f32s(x);
    let mut sums = [zero; 4];
    let mut fours = body.chunks_exact(4);
    for four in &mut fours {
        for (sum, x) in sums.iter_mut().zip(four) {
            *sum = simd.add_f32s(*sum, f.of(simd, *x));
        }
    }
    for (sum, x) in sums.iter_mut().zip(fours.remainder()) {
        *sum = simd.add_f32s(*sum, f.of(simd, *x));
    }
    let all = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
    let mut total = simd.reduce_sum_f32s(all);
    for value in rest {
        let mut one = [0f32];
        simd.partial_store_f32s(&mut one, f.of(simd, simd.splat_f32s(*value)));
        total += one[0];
    }
    total
}

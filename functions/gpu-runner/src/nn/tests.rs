//! What the CPU's kernels give is what candle's operations give, over sizes that fill no vector and no tile.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::*;
use crate::noise::Noise;

fn random(shape: &[usize], seed: u64) -> Tensor {
    Noise::new(seed).tensor(shape, DType::F32, &Device::Cpu).unwrap()
}

/// The same layer twice: in single precision, and in double, which the kernels leave to candle's operations.
fn twice<T>(tensors: &[(&str, Tensor)], load: impl Fn(VarBuilder) -> Result<T>) -> (T, T) {
    let builder = |dtype: DType| {
        let map: HashMap<String, Tensor> =
            tensors.iter().map(|(name, t)| (name.to_string(), t.to_dtype(dtype).unwrap())).collect();
        VarBuilder::from_tensors(map, dtype, &Device::Cpu)
    };
    (load(builder(DType::F32)).unwrap(), load(builder(DType::F64)).unwrap())
}

fn wide(tensor: &Tensor) -> Tensor {
    tensor.to_dtype(DType::F64).unwrap()
}

fn same(fast: Result<Tensor>, plain: Result<Tensor>, what: &str) {
    same_within(1e-5, fast, plain, what);
}

fn same_within(bound: f32, fast: Result<Tensor>, plain: Result<Tensor>, what: &str) {
    let (fast, plain) = (fast.unwrap(), plain.unwrap());
    assert_eq!(fast.dims(), plain.dims(), "{what}");
    let (fast, plain) = (numbers(&fast), numbers(&plain));
    let largest = plain.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
    let apart = fast.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(apart <= bound * largest, "{what}: {apart} of {largest}");
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1().unwrap()
}

fn plain_attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize) -> Result<Tensor> {
    let heads = |t: &Tensor| split_heads(&wide(t), heads);
    join_heads(&attention(&heads(q)?, &heads(k)?, &heads(v)?, None)?)
}

#[test]
fn attention_is_the_same() {
    let widths = [1, 3, 8, 40, 64, 80, 160];
    let mut sizes: Vec<(usize, usize, usize)> = vec![(4096, 63, 8), (65, 4096, 8), (4096, 1, 3), (130, 4096, 40)];
    for d in widths {
        sizes.extend(
            [1, 7, 16, 63, 65, 129].into_iter().flat_map(|rows| [1, 7, 65, 77].map(|columns| (rows, columns, d))),
        );
    }
    for (rows, columns, d) in sizes {
        let heads = if d > 64 { 1 } else { 2 };
        let (q, k, v) = (
            random(&[2, rows, heads * d], 1),
            random(&[2, columns, heads * d], 2),
            random(&[2, columns, heads * d], 3),
        );
        let what = format!("{rows} rows, {columns} columns, heads of {d}");
        same(attend(&q, &k, &v, heads), plain_attention(&q, &k, &v, heads), &what);
        // Scores of some hundreds: a softmax that is almost a choice, and as exact as they are.
        let steep = (&q * 100.0).unwrap();
        same_within(1e-4, attend(&steep, &k, &v, heads), plain_attention(&steep, &k, &v, heads), &what);
    }
}

/// What is not finite spreads as far as it does in the plain way, and no further.
#[test]
fn attention_of_what_is_not_finite_is_the_same() {
    for (input, at, value) in
        [(0, 5, f32::NAN), (0, 5, f32::INFINITY), (1, 5, f32::NAN), (1, 1100, f32::NEG_INFINITY), (2, 9, f32::NAN)]
    {
        let mut inputs = [random(&[1, 70, 16], 1), random(&[1, 150, 16], 2), random(&[1, 150, 16], 3)];
        let mut values = numbers(&inputs[input]);
        values[at] = value;
        inputs[input] = Tensor::from_vec(values, inputs[input].dims(), &Device::Cpu).unwrap();
        let [q, k, v] = &inputs;
        let fast = numbers(&attend(q, k, v, 2).unwrap());
        let plain = numbers(&plain_attention(q, k, v, 2).unwrap());
        for (i, (a, b)) in fast.iter().zip(&plain).enumerate() {
            assert!(
                a.is_nan() == b.is_nan() && (a.is_nan() || (a - b).abs() < 1e-5),
                "{value} in {input}, {i}: {a} {b}"
            );
        }
    }
}

#[test]
fn convolutions_are_the_same() {
    for (i, (inputs, outputs, side, (h, w))) in [
        (1, 1, 3, (1, 1)),
        (3, 7, 3, (7, 5)),
        (4, 9, 1, (3, 17)),
        (5, 16, 3, (2, 63)),
        (8, 8, 3, (16, 16)),
        (13, 24, 3, (33, 31)),
        (2, 4, 3, (130, 129)),
        // Several bands.
        (200, 3, 3, (40, 65)),
    ]
    .into_iter()
    .enumerate()
    {
        let tensors = [("weight", random(&[outputs, inputs, side, side], 1)), ("bias", random(&[outputs], 2))];
        let x = random(&[2, inputs, h, w], 3 + i as u64);
        let what = format!("{inputs} to {outputs} channels, {side}, {h} by {w}");
        let (fast, plain) = twice(&tensors, |vb| conv(inputs, outputs, side, vb));
        same(fast.forward(&x), plain.forward(&wide(&x)), &what);
        assert_eq!(numbers(&fast.weight().unwrap()), numbers(&plain.weight().unwrap()), "{what}");
        let norms = [("weight", random(&[inputs], 4)), ("bias", random(&[inputs], 5))];
        let (fast_norm, plain_norm) = twice(&norms, |vb| GroupNorm::load(1, inputs, 1e-5, vb));
        let (shift, residual) = (random(&[2, outputs], 6), random(&[2, outputs, h, w], 7));
        for act in [Activation::Silu, Activation::Gelu] {
            let around = Around { norm: Some((&fast_norm, act)), shift: Some(&shift), residual: Some(&residual) };
            let (wide_shift, wide_residual) = (wide(&shift), wide(&residual));
            let norm = Some((&plain_norm, act));
            let wider = Around { norm, shift: Some(&wide_shift), residual: Some(&wide_residual) };
            same(fast.forward_with(&x, around), plain.forward_with(&wide(&x), wider), &what);
        }
    }
}

#[test]
fn halving_and_doubling_are_the_same() {
    for (channels, h, w) in [(1, 1, 1), (3, 7, 5), (9, 2, 63), (8, 16, 16), (130, 33, 31)] {
        let tensors = [("weight", random(&[channels, channels, 3, 3], 1)), ("bias", random(&[channels], 2))];
        let x = random(&[2, channels, h, w], 3);
        let what = format!("{channels} channels, {h} by {w}");
        for padding in [0, 1] {
            let (fast, plain) = twice(&tensors, |vb| Conv::halving(channels, padding, vb));
            if h + padding > 1 && w + padding > 1 {
                same(fast.forward(&x), plain.forward(&wide(&x)), &format!("{what}, padding {padding}"));
            } else {
                assert!(fast.forward(&x).is_err() && plain.forward(&wide(&x)).is_err());
            }
        }
        let (fast, plain) = twice(&tensors, |vb| Conv::doubling(channels, vb));
        for size in [(2 * h, 2 * w), (2 * h - 1, 2 * w), (2 * h, 2 * w - 1), (2 * h - 1, 2 * w - 1)] {
            same(
                fast.forward_doubling(&x, size),
                plain.forward_doubling(&wide(&x), size),
                &format!("{what} to {size:?}"),
            );
        }
        same(fast.weight(), plain.weight(), &format!("weights of {what}"));
        assert!(fast.forward_doubling(&x, (2 * h + 1, 2 * w)).is_err());
    }
}

#[test]
fn linear_layers_are_the_same() {
    for (rows, inputs, outputs) in [(1, 1, 1), (7, 3, 5), (63, 8, 31), (65, 40, 33), (8, 64, 64), (154, 768, 160)] {
        let x = random(&[1, rows, inputs], 1);
        let what = format!("{rows} rows, {inputs} to {outputs}");
        let tensors = [("weight", random(&[outputs, inputs], 2)), ("bias", random(&[outputs], 3))];
        let (fast, plain) = twice(&tensors, |vb| linear(inputs, outputs, vb));
        same(fast.forward(&x), plain.forward(&wide(&x)), &what);
        let residual = random(&[1, rows, outputs], 4);
        same(fast.forward_onto(&x, Some(&residual)), plain.forward_onto(&wide(&x), Some(&wide(&residual))), &what);
        let (fast, plain) = twice(&tensors, |vb| linear_no_bias(inputs, outputs, vb));
        same(fast.forward(&x), plain.forward(&wide(&x)), &what);
        assert!(fast.forward(&random(&[1, rows, inputs + 1], 1)).is_err());

        let tensors = [("weight", random(&[2 * outputs, inputs], 2)), ("bias", random(&[2 * outputs], 3))];
        let (fast, plain) = twice(&tensors, |vb| Geglu::load(inputs, outputs, vb));
        same(fast.forward(&x), plain.forward(&wide(&x)), &what);
    }
}

#[test]
fn norms_are_the_same() {
    for (rows, width, groups) in [(1, 1, 1), (7, 6, 3), (63, 64, 4), (65, 80, 80), (4096, 8, 2)] {
        let tensors = [("weight", random(&[width], 1)), ("bias", random(&[width], 2))];
        // Far from zero.
        let x = (random(&[2, rows, width], 3) + 10.0).unwrap();
        let what = format!("{rows} of {width}");
        let (fast, plain) = twice(&tensors, |vb| LayerNorm::load(width, 1e-5, vb));
        same(fast.forward(&x), plain.forward(&wide(&x)), &what);
        let x = x.reshape((2, width, rows, 1)).unwrap();
        let (fast, plain) = twice(&tensors, |vb| GroupNorm::load(groups, width, 1e-5, vb));
        // The mean leaves by way of the addend, as in the reference: ten deviations from zero cost a digit.
        same(fast.forward(&x), plain.forward(&wide(&x)), &what);
    }
}

#[test]
fn functions_are_right_to_the_last_digits() {
    let x: Vec<f32> = (-4000..=4000).map(|i| i as f32 / 40.0).collect();
    let tensor = Tensor::from_vec(x.clone(), x.len(), &Device::Cpu).unwrap();
    let erf = |x: f64| libm::erf(x);
    for (i, &x) in x.iter().enumerate() {
        let x = f64::from(x);
        let wide =
            [(Activation::Silu, x / (1.0 + (-x).exp())), (Activation::Gelu, x / 2.0 * (1.0 + erf(x / 2f64.sqrt())))];
        for (act, right) in wide {
            let got = f64::from(numbers(&act.apply(&tensor.narrow(0, i, 1).unwrap()).unwrap())[0]);
            assert!((got - right).abs() <= 4e-7 * right.abs().max(1.0), "{act:?}({x}) = {got} for {right}");
        }
    }
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-40, 3e38, -3e38, 88.5, -88.5];
    let odd = Tensor::from_slice(&odd, odd.len(), &Device::Cpu).unwrap();
    for act in [Activation::Silu, Activation::Gelu] {
        let fast = numbers(&act.apply(&odd).unwrap());
        let plain = numbers(&act.apply(&wide(&odd)).unwrap());
        for (a, b) in fast.iter().zip(&plain) {
            assert!(
                a.is_nan() == b.is_nan() && (a.is_nan() || a == b || (a - b).abs() < 1e-5),
                "{act:?}: {fast:?} {plain:?}"
            );
        }
    }
}

//! Gradients by the CPU's kernels against those of candle's operations in double precision, over sizes that fill no
//! vector and no tile.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;

use super::*;
use crate::noise::Noise;

fn random(shape: &[usize], seed: u64) -> Tensor {
    Noise::new(seed).tensor(shape, DType::F32, &Device::Cpu).unwrap()
}

/// Named tensors, as variables or as constants.
struct Given {
    map: HashMap<String, Tensor>,
    dtype: DType,
}

impl Given {
    fn new(tensors: &[(&str, Tensor)], dtype: DType, frozen: &[&str]) -> Self {
        let tensor = |(name, t): &(&str, Tensor)| {
            let t = t.to_dtype(dtype).unwrap();
            let t = if frozen.contains(name) { t } else { Var::from_tensor(&t).unwrap().into_inner() };
            (name.to_string(), t)
        };
        Self { map: tensors.iter().map(tensor).collect(), dtype }
    }

    fn vb(&self) -> VarBuilder<'static> {
        VarBuilder::from_tensors(self.map.clone(), self.dtype, &Device::Cpu)
    }

    fn of(&self, name: &str) -> &Tensor {
        &self.map[name]
    }
}

/// Asserts that what is given has the same gradients in single and in double precision, that of constants none, and
/// that the first have the same bits with any number of threads.
fn same_gradients(
    tensors: &[(&str, Tensor)],
    frozen: &[&str],
    what: &str,
    forward: impl Fn(&Given) -> Result<Tensor> + Sync,
) {
    let gradients = |dtype: DType| -> HashMap<String, Option<Vec<f64>>> {
        let given = Given::new(tensors, dtype, frozen);
        let out = forward(&given).unwrap();
        let toward = random(out.dims(), 99).to_dtype(dtype).unwrap();
        let store = (out * toward).unwrap().sum_all().unwrap().backward().unwrap();
        let numbers = |t: &Tensor| t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
        given.map.iter().map(|(name, t)| (name.clone(), store.get(t).map(numbers))).collect()
    };
    let (fast, plain) = (gradients(DType::F32), gradients(DType::F64));
    for (name, _) in tensors {
        let (Some(fast), Some(plain)) = (&fast[*name], &plain[*name]) else {
            assert!(frozen.contains(name), "{what}: no gradient of {name}");
            continue;
        };
        assert!(!frozen.contains(name), "{what}: a gradient of {name}");
        let largest = plain.iter().fold(1e-2f64, |most, x| most.max(x.abs()));
        let apart = fast.iter().zip(plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart <= 2e-5 * largest, "{what}: {name} is {apart} of {largest} off");
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(|| gradients(DType::F32));
        assert_eq!(fast, again, "{what}: other bits with {threads} threads");
    }
}

#[test]
fn of_convolutions() {
    for (batch, inputs, outputs, side, (h, w), groups) in [
        (1, 1, 1, 3, (1, 1), 1),
        (3, 6, 7, 3, (7, 5), 3),
        (1, 4, 9, 1, (3, 17), 2),
        (3, 5, 16, 3, (2, 63), 5),
        (1, 20, 33, 3, (16, 16), 4),
        // Several bands, and several pictures in one.
        (1, 70, 3, 3, (33, 31), 7),
        (9, 17, 4, 3, (4, 4), 1),
    ] {
        let tensors = [
            ("x", random(&[batch, inputs, h, w], 1)),
            ("conv.weight", random(&[outputs, inputs, side, side], 2)),
            ("conv.bias", random(&[outputs], 3)),
            ("norm.weight", random(&[inputs], 4)),
            ("norm.bias", random(&[inputs], 5)),
            ("shift", random(&[batch, outputs], 6)),
            ("residual", random(&[batch, outputs, h, w], 7)),
        ];
        let what = format!("{batch} of {inputs} to {outputs} channels, {side}, {h} by {w}");
        for act in [Activation::Silu, Activation::Gelu] {
            let around = |given: &Given| {
                let norm = GroupNorm::load(groups, inputs, 1e-5, given.vb().pp("norm"))?;
                let conv = conv(inputs, outputs, side, given.vb().pp("conv"))?;
                let norm = Some((&norm, act));
                let (shift, residual) = (Some(given.of("shift")), Some(given.of("residual")));
                conv.forward_with(given.of("x"), Around { norm, shift, residual })
            };
            same_gradients(&tensors, &[], &what, around);
            same_gradients(&tensors, &["conv.weight", "conv.bias", "norm.weight", "norm.bias"], &what, around);
            same_gradients(&tensors, &["x", "norm.weight", "norm.bias", "shift", "residual"], &what, around);
        }
        let alone = |given: &Given| conv(inputs, outputs, side, given.vb().pp("conv"))?.forward(given.of("x"));
        same_gradients(&tensors[..3], &[], &what, alone);
    }
}

#[test]
fn of_halving_and_doubling() {
    for (batch, channels, h, w) in [(1, 1, 2, 2), (3, 3, 7, 5), (1, 9, 2, 63), (3, 8, 16, 16), (1, 21, 33, 31)] {
        let tensors = [
            ("x", random(&[batch, channels, h, w], 1)),
            ("weight", random(&[channels, channels, 3, 3], 2)),
            ("bias", random(&[channels], 3)),
        ];
        let what = format!("{batch} of {channels} channels, {h} by {w}");
        for padding in [0, 1] {
            same_gradients(&tensors, &[], &format!("{what}, halved with padding {padding}"), |given| {
                Conv::halving(channels, padding, given.vb())?.forward(given.of("x"))
            });
        }
        for size in [(2 * h, 2 * w), (2 * h - 1, 2 * w)] {
            for frozen in [vec![], vec!["weight", "bias"]] {
                same_gradients(&tensors, &frozen, &format!("{what}, doubled to {size:?}"), |given| {
                    Conv::doubling(channels, given.vb())?.forward_doubling(given.of("x"), size)
                });
            }
        }
    }
}

#[test]
fn of_linear_layers() {
    for (batch, rows, inputs, outputs) in
        [(1, 1, 1, 1), (3, 7, 3, 5), (1, 63, 8, 31), (3, 65, 40, 33), (2, 154, 96, 80)]
    {
        let tensors = [
            ("x", random(&[batch, rows, inputs], 1)),
            ("weight", random(&[outputs, inputs], 2)),
            ("bias", random(&[outputs], 3)),
            ("residual", random(&[batch, rows, outputs], 4)),
        ];
        let what = format!("{batch} of {rows} rows, {inputs} to {outputs}");
        for frozen in [vec![], vec!["weight", "bias"], vec!["x", "residual"]] {
            same_gradients(&tensors, &frozen, &what, |given| {
                linear(inputs, outputs, given.vb())?.forward_onto(given.of("x"), Some(given.of("residual")))
            });
        }
        let tensors = [
            ("x", random(&[batch, rows, inputs], 1)),
            ("weight", random(&[2 * outputs, inputs], 2)),
            ("bias", random(&[2 * outputs], 3)),
        ];
        for frozen in [vec![], vec!["weight", "bias"]] {
            same_gradients(&tensors, &frozen, &format!("{what}, gated"), |given| {
                Geglu::load(inputs, outputs, given.vb())?.forward(given.of("x"))
            });
        }
    }
}

#[test]
fn of_norms() {
    for (batch, rows, width, groups) in [(1, 1, 4, 1), (3, 7, 6, 3), (1, 63, 64, 4), (3, 65, 80, 20), (1, 1000, 8, 2)] {
        let tensors = [
            ("x", (random(&[batch, rows, width], 1) + 2.0).unwrap()),
            ("weight", random(&[width], 2)),
            ("bias", random(&[width], 3)),
        ];
        let what = format!("{batch} of {rows} of {width}");
        for frozen in [vec![], vec!["weight", "bias"]] {
            same_gradients(&tensors, &frozen, &what, |given| {
                LayerNorm::load(width, 1e-5, given.vb())?.forward(given.of("x"))
            });
            same_gradients(&tensors, &frozen, &what, |given| {
                let x = given.of("x").transpose(1, 2)?.contiguous()?;
                GroupNorm::load(groups, width, 1e-5, given.vb())?.forward(&x)
            });
        }
    }
}

#[test]
fn of_activations() {
    let tensors = [("x", (random(&[3, 1001], 1) * 3.0).unwrap())];
    for act in [Activation::Silu, Activation::Gelu, Activation::QuickGelu] {
        same_gradients(&tensors, &[], &format!("{act:?}"), |given| act.apply(given.of("x")));
    }
}

#[test]
fn of_attention() {
    for (batch, heads, rows, columns, d) in [
        (1, 1, 1, 1, 1),
        (3, 2, 7, 5, 3),
        (1, 3, 65, 77, 8),
        (3, 4, 64, 64, 16),
        (1, 2, 33, 130, 40),
        (1, 1, 40, 9, 80),
    ] {
        let tensors = [
            ("q", random(&[batch, rows, heads * d], 1)),
            ("k", random(&[batch, columns, heads * d], 2)),
            ("v", random(&[batch, columns, heads * d], 3)),
        ];
        let what = format!("{batch} of {heads} heads of {d}, {rows} rows, {columns} columns");
        for frozen in [vec![], vec!["k", "v"]] {
            same_gradients(&tensors, &frozen, &what, |given| {
                attend(given.of("q"), given.of("k"), given.of("v"), heads)
            });
            // As a text encoder has it: each row sees the columns up to its own.
            let seen = |at: usize| if at % columns > at / columns { f32::NEG_INFINITY } else { 0.0 };
            let mask: Vec<f32> = (0..rows * columns).map(seen).collect();
            let mask = Tensor::from_vec(mask, (rows, columns), &Device::Cpu).unwrap();
            same_gradients(&tensors, &frozen, &format!("{what}, masked"), |given| {
                let [q, k, v] = ["q", "k", "v"].map(|name| split_heads(given.of(name), heads));
                let mask = mask.to_dtype(given.dtype)?;
                join_heads(&attention(&q?, &k?, &v?, Some(&mask))?)
            });
        }
    }
}

/// Two uses of a variable, a residual path around them, and an input that is a constant.
#[test]
fn recomputed_are_the_same() {
    let tensors = [
        ("x", random(&[2, 5, 8], 1)),
        ("constant", random(&[2, 5, 8], 2)),
        ("weight", random(&[8, 8], 3)),
        ("bias", random(&[8], 4)),
    ];
    for frozen in [vec!["constant"], vec!["constant", "weight", "bias"], vec!["constant", "x"]] {
        let gradients = |again: bool| -> Vec<Option<Vec<f32>>> {
            let given = Given::new(&tensors, DType::F32, &frozen);
            let vb = given.vb();
            let piece = move |inputs: &[Tensor]| {
                let layer = linear(8, 8, vb.clone())?;
                let h = Activation::Silu.apply(&layer.forward(&inputs[0])?)?;
                layer.forward_onto(&(h * &inputs[1])?, Some(&inputs[0]))
            };
            let inputs = [given.of("x").clone(), given.of("constant").clone()];
            let out = if again { recomputed(&[&inputs[0], &inputs[1]], piece) } else { piece(&inputs) }.unwrap();
            let store = (out + given.of("x")).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let numbers = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            tensors.iter().map(|(name, _)| store.get(given.of(name)).map(numbers)).collect()
        };
        for ((name, _), (one, other)) in tensors.iter().zip(gradients(true).into_iter().zip(gradients(false))) {
            // candle leaves some gradients of constants lying about.
            if frozen.contains(name) {
                continue;
            }
            assert!(one.is_some() && other.is_some(), "{name}");
            for (a, b) in one.iter().flatten().zip(other.iter().flatten()) {
                assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{name}: {a} {b}");
            }
        }
    }
}

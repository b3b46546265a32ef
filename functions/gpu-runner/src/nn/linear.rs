//! Linear layers.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::{DType, Module, Result, Tensor};
use candle_nn::VarBuilder;

use super::Weighted;
use super::activation::gated;
use super::cpu::gradient::linear as back;
use super::cpu::linear::{After, Layer};
use super::cpu::{self, values};
use super::node::{Made, derived};
use super::precision::{must_widen, wide};
use super::side::Side;

#[derive(Clone)]
pub struct Linear {
    weights: Weights,
    bias: Option<Tensor>,
    side: Option<Box<Side<Linear>>>,
}

#[derive(Clone)]
enum Weights {
    /// (outputs, inputs), for devices and for what is trained.
    Plain(Tensor),
    /// The same for the CPU's kernel.
    Packed(Arc<cpu::linear::Weights>),
}

impl Weights {
    fn of(weight: &Tensor) -> Result<Self> {
        Ok(if cpu::serves([weight]) && !weight.track_op() {
            Self::Packed(Arc::new(pack(weight)?))
        } else {
            Self::Plain(weight.clone())
        })
    }

    /// For the CPU's kernel.
    fn packed(&self) -> Result<Cow<'_, cpu::linear::Weights>> {
        match self {
            Self::Packed(packed) => Ok(Cow::Borrowed(packed)),
            Self::Plain(weight) => pack(weight).map(Cow::Owned),
        }
    }

    /// (outputs, inputs).
    fn plain(&self) -> Result<Tensor> {
        match self {
            Self::Plain(weight) => Ok(weight.clone()),
            Self::Packed(packed) => {
                Tensor::from_vec(packed.unpack(), (packed.outputs, packed.inputs), &candle_core::Device::Cpu)
            }
        }
    }

    fn serve(&self) -> bool {
        match self {
            Self::Plain(weight) => cpu::serves([weight]),
            Self::Packed(_) => true,
        }
    }
}

/// Of (outputs, inputs).
fn pack(weight: &Tensor) -> Result<cpu::linear::Weights> {
    let (outputs, inputs) = weight.dims2()?;
    let weight = weight.contiguous()?;
    Ok(cpu::linear::Weights::pack(&values(&weight)?, outputs, inputs))
}

pub fn linear(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Linear> {
    let layer = candle_nn::linear(inputs, outputs, vb)?;
    Linear::new(layer.weight(), layer.bias().cloned())
}

pub fn linear_no_bias(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Linear> {
    Linear::new(candle_nn::linear_no_bias(inputs, outputs, vb)?.weight(), None)
}

impl Linear {
    /// `weight` (outputs, inputs), `bias` (outputs).
    pub fn new(weight: &Tensor, bias: Option<Tensor>) -> Result<Self> {
        let weights = Weights::of(weight)?;
        Ok(Self { weights, bias, side: None })
    }

    pub fn dtype(&self) -> DType {
        match &self.weights {
            Weights::Plain(weight) => weight.dtype(),
            Weights::Packed(_) => DType::F32,
        }
    }

    /// (outputs, inputs).
    fn weight(&self) -> Result<Tensor> {
        self.weights.plain()
    }

    fn serves<'a>(&'a self, given: impl IntoIterator<Item = &'a Tensor>) -> bool {
        self.weights.serve() && cpu::serves(given.into_iter().chain(&self.bias))
    }

    /// (…, inputs) → (…, outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_onto(x, None)
    }

    /// The same, added to `residual`, which is of the result's shape.
    pub fn forward_onto(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let out = self.own(x, residual)?;
        match &self.side {
            Some(side) => side.up.forward_onto(&(side.down.forward(x)? * side.scale)?, Some(&out)),
            None => Ok(out),
        }
    }

    /// Without what stands beside it.
    fn own(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        match x {
            _ if self.serves([x].into_iter().chain(residual)) => self.on_cpu(x, residual),
            _ if must_widen(x) => {
                let bias = self.bias.as_ref().map(wide).transpose()?;
                let out =
                    candle_nn::Linear::new(wide(&self.weight()?)?, bias).forward(&wide(x)?)?.to_dtype(x.dtype())?;
                residual.map_or(Ok(out.clone()), |residual| residual + out)
            }
            _ => {
                let out = candle_nn::Linear::new(self.weight()?, self.bias.clone()).forward(x)?;
                residual.map_or(Ok(out.clone()), |residual| residual + out)
            }
        }
    }

    fn on_cpu(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let residual = residual.map(Tensor::contiguous).transpose()?;
        let weights = self.weights.packed()?;
        let shape = shape(x, &weights)?;
        if residual.as_ref().is_some_and(|residual| residual.dims() != shape) {
            candle_core::bail!("a layer's result {shape:?} onto {residual:?}");
        }
        let bias = self.bias.as_ref().map(values).transpose()?;
        let onto = residual.as_ref().map(values).transpose()?;
        let after = onto.as_deref().map_or(After::Nothing, After::Add);
        let x = x.contiguous()?;
        let out = cpu::linear::linear(Layer { weights: &weights, bias: bias.as_deref() }, &values(&x)?, after);
        drop((bias, onto));
        self.derived(Made::numbers(out, shape), x, residual)
    }

    /// A result with the way back from it.
    fn derived(&self, out: Made, x: Tensor, residual: Option<Tensor>) -> Result<Tensor> {
        let weight = match &self.weights {
            Weights::Plain(weight) => Some(weight),
            Weights::Packed(_) => None,
        };
        let asked = |tensor: Option<&Tensor>| tensor.is_some_and(Tensor::track_op);
        let (to_x, to_weight, to_bias) = (x.track_op(), asked(weight), asked(self.bias.as_ref()));
        let (weights, given) = (self.weights.clone(), x.clone());
        let inputs: Vec<&Tensor> =
            [Some(&x), weight, self.bias.as_ref(), residual.as_ref()].into_iter().flatten().collect();
        let has = [true, weight.is_some(), self.bias.is_some(), residual.is_some()];
        derived(out, &inputs, move |gradient| {
            let weight = weights.plain()?;
            let (outputs, inputs) = weight.dims2()?;
            let of = |part: Vec<f32>, like: &Tensor| Tensor::from_vec(part, like.shape(), like.device());
            let values_of = values(gradient)?;
            let x = match to_x {
                true => {
                    let weight = weight.contiguous()?;
                    Some(of(back::input(&values(&weight)?, inputs, &values_of, outputs), &given)?)
                }
                false => None,
            };
            let weight = match to_weight {
                true => Some(of(back::weights(&values(&given)?, inputs, &values_of, outputs), &weight)?),
                false => None,
            };
            let bias = match to_bias {
                true => Some(Tensor::from_vec(back::bias(&values_of, outputs), outputs, gradient.device())?),
                false => None,
            };
            let all = [x, weight, bias, Some(gradient.clone())];
            Ok(all.into_iter().zip(has).filter(|(_, has)| *has).map(|(part, _)| part).collect())
        })
    }
}

/// Of the result.
fn shape(x: &Tensor, weights: &cpu::linear::Weights) -> Result<Vec<usize>> {
    let mut shape = x.dims().to_vec();
    match shape.last_mut() {
        Some(last) if *last == weights.inputs => *last = weights.outputs,
        _ => candle_core::bail!("{:?} for a layer of {} inputs", x.shape(), weights.inputs),
    }
    Ok(shape)
}

/// Values times the exact gelu of their gates, both from one linear layer (Shazeer 2020).
#[derive(Clone)]
pub struct Geglu {
    value: Linear,
    gate: Linear,
}

impl Geglu {
    /// From a layer of 2 × `outputs`, the values first.
    pub fn load(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        let layer = candle_nn::linear(inputs, 2 * outputs, vb)?;
        let half = |start: usize| {
            let bias = layer.bias().map(|bias| bias.narrow(0, start, outputs)).transpose()?;
            Linear::new(&layer.weight().narrow(0, start, outputs)?, bias)
        };
        Ok(Self { value: half(0)?, gate: half(outputs)? })
    }

    /// (…, inputs) → (…, outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (Weights::Packed(values_of), Weights::Packed(gates), true) =
            (&self.value.weights, &self.gate.weights, self.fuses(x))
        else {
            return gated(&self.value.forward(x)?, &self.gate.forward(x)?);
        };
        let shape = shape(x, values_of)?;
        let bias = self.value.bias.as_ref().map(values).transpose()?;
        let gate_bias = self.gate.bias.as_ref().map(values).transpose()?;
        let gates = Layer { weights: gates, bias: gate_bias.as_deref() };
        let layer = Layer { weights: values_of, bias: bias.as_deref() };
        let x = x.contiguous()?;
        Tensor::from_vec(cpu::linear::linear(layer, &values(&x)?, After::Gate(gates)), shape, x.device())
    }
}

impl Geglu {
    /// Whether nothing asks for gradients, so that neither values nor gates need be kept.
    fn fuses(&self, x: &Tensor) -> bool {
        let biases = self.value.bias.iter().chain(&self.gate.bias);
        let alone = self.value.side.is_none() && self.gate.side.is_none();
        alone && cpu::serves([x].into_iter().chain(biases.clone())) && !biases.chain([x]).any(Tensor::track_op)
    }
}

impl Weighted for Linear {
    fn set_weight(&mut self, weight: &Tensor) -> Result<()> {
        self.weights = match &self.weights {
            Weights::Plain(before) => Weights::Plain(weight.reshape(before.shape())?),
            Weights::Packed(before) => {
                Weights::Packed(Arc::new(pack(&weight.reshape((before.outputs, before.inputs))?)?))
            }
        };
        Ok(())
    }

    fn set_side(&mut self, down: &Tensor, up: &Tensor, scale: f64) -> Result<()> {
        let rank = down.dim(0)?;
        let (down, up) = (down.reshape((rank, ()))?, up.reshape(((), rank))?);
        self.side = Some(Box::new(Side { down: Self::new(&down, None)?, up: Self::new(&up, None)?, scale }));
        Ok(())
    }
}

impl Weighted for Geglu {
    fn set_weight(&mut self, weight: &Tensor) -> Result<()> {
        let halves = weight.chunk(2, 0)?;
        let [value, gate] = halves.as_slice() else { candle_core::bail!("an odd feed-forward width") };
        self.value.set_weight(value)?;
        self.gate.set_weight(gate)
    }

    fn set_side(&mut self, down: &Tensor, up: &Tensor, scale: f64) -> Result<()> {
        let halves = up.chunk(2, 0)?;
        let [value, gate] = halves.as_slice() else { candle_core::bail!("an odd feed-forward width") };
        self.value.set_side(down, value, scale)?;
        self.gate.set_side(down, gate, scale)
    }
}

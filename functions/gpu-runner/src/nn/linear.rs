//! Linear layers.

use candle_core::{DType, Module, Result, Tensor};
use candle_nn::VarBuilder;

use super::Weighted;
use super::cpu::linear::{After, Layer};
use super::cpu::{self, values};

pub struct Linear {
    weights: Weights,
    bias: Option<Tensor>,
}
use super::node::{Made, derived};
use super::precision::{must_widen, wide};

enum Weights {
    /// (outputs, inputs), for devices and for training.
    Plain(Tensor),
    /// The same for the CPU's kernel.
    Packed(cpu::linear::Weights),
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
        let weights = if cpu::serves([weight].into_iter().chain(&bias)) {
            let (outputs, inputs) = weight.dims2()?;
            let weight = weight.contiguous()?;
            Weights::Packed(cpu::linear::Weights::pack(&values(&weight)?, outputs, inputs))
        } else {
            Weights::Plain(weight.clone())
        };
        Ok(Self { weights, bias })
    }

    pub fn dtype(&self) -> DType {
        match &self.weights {
            Weights::Plain(weight) => weight.dtype(),
            Weights::Packed(_) => DType::F32,
        }
    }

    /// (outputs, inputs).
    fn weight(&self) -> Result<Tensor> {
        match &self.weights {
            Weights::Plain(weight) => Ok(weight.clone()),
            Weights::Packed(packed) => {
                Tensor::from_vec(packed.unpack(), (packed.outputs, packed.inputs), &candle_core::Device::Cpu)
            }
        }
    }

    /// (…, inputs) → (…, outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_onto(x, None)
    }

    /// The same, added to `residual`, which is of the result's shape.
    pub fn forward_onto(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        match x {
            _ if self.serves([x].into_iter().chain(residual)) => self.on_cpu(x, residual),
            _ if must_widen(x) => {
                let bias = self.bias.as_ref().map(wide).transpose()?;
                let out = candle_nn::Linear::new(wide(&self.weight()?)?, bias).forward(&wide(x)?)?.to_dtype(x.dtype())?;
                residual.map_or(Ok(out.clone()), |residual| residual + out)
            }
            _ => {
                let out = candle_nn::Linear::new(self.weight()?, self.bias.clone()).forward(x)?;
                residual.map_or(Ok(out.clone()), |residual| residual + out)
            }
        }
    }

    fn on_cpu(&self, weights: &cpu::linear::Weights, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let residual = residual.map(Tensor::contiguous).transpose()?;
        let shape = shape(x, weights)?;
        if residual.as_ref().is_some_and(|residual| residual.dims() != shape) {
            candle_core::bail!("a layer's result {shape:?} onto {residual:?}");
        }
        let bias = self.bias.as_ref().map(values).transpose()?;
        let onto = residual.as_ref().map(values).transpose()?;
        let after = onto.as_deref().map_or(After::Nothing, After::Add);
        let x = x.contiguous()?;
        let out = cpu::linear::linear(Layer { weights, bias: bias.as_deref() }, &values(&x)?, after);
        Tensor::from_vec(out, shape, x.device())
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
            (&self.value.weights, &self.gate.weights, cpu::serves([x]))
        else {
            return self.value.forward(x)? * self.gate.forward(x)?.gelu_erf()?;
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

impl Weighted for Linear {
    fn set_weight(&mut self, weight: &Tensor) -> Result<()> {
        self.weights = match &self.weights {
            Weights::Plain(before) => Weights::Plain(weight.reshape(before.shape())?),
            Weights::Packed(before) => {
                let (outputs, inputs) = (before.outputs, before.inputs);
                let weight = weight.reshape((outputs, inputs))?.contiguous()?;
                Weights::Packed(cpu::linear::Weights::pack(&values(&weight)?, outputs, inputs))
            }
        };
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
}

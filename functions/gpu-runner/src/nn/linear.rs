//! Linear layers.

use candle_core::{D, DType, Module, Result, Tensor};
use candle_nn::VarBuilder;

use super::cpu::{self, values};

pub struct Linear {
    weights: Weights,
    bias: Option<Tensor>,
}

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
        match &self.weights {
            Weights::Packed(weights) if cpu::serves([x].into_iter().chain(residual)) => {
                self.on_cpu(weights, x, residual)
            }
            _ => {
                let out = candle_nn::Linear::new(self.weight()?, self.bias.clone()).forward(x)?;
                residual.map_or(Ok(out.clone()), |residual| residual + out)
            }
        }
    }

    fn on_cpu(&self, weights: &cpu::linear::Weights, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let x = x.contiguous()?;
        let residual = residual.map(Tensor::contiguous).transpose()?;
        let mut shape = x.dims().to_vec();
        if x.dim(D::Minus1)? != weights.inputs {
            candle_core::bail!("{:?} for a layer of {} inputs", x.shape(), weights.inputs);
        }
        if let Some(last) = shape.last_mut() {
            *last = weights.outputs;
        }
        if residual.as_ref().is_some_and(|residual| residual.dims() != shape) {
            candle_core::bail!("a layer's result {shape:?} onto {residual:?}");
        }
        let bias = self.bias.as_ref().map(values).transpose()?;
        let onto = residual.as_ref().map(values).transpose()?;
        let out = cpu::linear::linear(weights, &values(&x)?, bias.as_deref(), onto.as_deref());
        Tensor::from_vec(out, shape, x.device())
    }
}

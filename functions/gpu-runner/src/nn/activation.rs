//! Activation functions by the names that configuration files use.

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::cpu::activation::{Function, activation};
use super::cpu::{self, values};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Exact, by the error function.
    Gelu,
    /// x · sigmoid(1.702 x), as OpenAI's CLIP was trained.
    QuickGelu,
    /// Tanh approximation.
    GeluNew,
    #[serde(alias = "swish")]
    Silu,
    Relu,
}

impl Activation {
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        let function = match self {
            Activation::Gelu => Some(Function::Gelu),
            Activation::Silu => Some(Function::Silu),
            _ => None,
        };
        if let (Some(function), true) = (function, cpu::serves([x])) {
            let x = x.contiguous()?;
            return Tensor::from_vec(activation(&values(&x)?, function), x.shape(), x.device());
        }
        match self {
            Activation::Gelu => x.gelu_erf(),
            Activation::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
            Activation::GeluNew => x.gelu(),
            Activation::Silu => x.silu(),
            Activation::Relu => x.relu(),
        }
    }
}

//! Activation functions by the names that configuration files use.

use candle_core::{D, Result, Tensor};
use serde::Deserialize;

use super::cpu::gate::{self, Function};
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
            return Tensor::from_vec(gate::activation(&values(&x)?, function), x.shape(), x.device());
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

/// Values and their gates side by side (…, 2 × width) → value · gelu(gate), with the exact gelu (Shazeer 2020).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    if !width.is_multiple_of(2) {
        candle_core::bail!("{width} numbers are not values and as many gates");
    }
    if cpu::serves([x]) {
        let x = x.contiguous()?;
        let mut shape = x.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = width / 2;
        }
        return Tensor::from_vec(gate::geglu(&values(&x)?, width / 2), shape, x.device());
    }
    let value = x.narrow(D::Minus1, 0, width / 2)?;
    value * x.narrow(D::Minus1, width / 2, width / 2)?.contiguous()?.gelu_erf()?
}

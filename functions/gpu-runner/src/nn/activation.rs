//! Activation functions by the names that configuration files use.

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::cpu::activation::{Function, activation};
use super::cpu::gradient::activation::{activation as back, gate, gate_back};
use super::cpu::{self, values};
use super::node::{Made, derived};

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
            Activation::QuickGelu => Some(Function::QuickGelu),
            _ => None,
        };
        if let (Some(function), true) = (function, cpu::serves([x])) {
            let x = x.contiguous()?;
            let out = Made::numbers(activation(&values(&x)?, function), x.shape());
            let given = x.clone();
            return derived(out, &[&x], move |gradient| {
                let mut gradient = values(gradient)?.to_vec();
                back(&values(&given)?, &mut gradient, function);
                Ok(vec![Some(Tensor::from_vec(gradient, given.shape(), given.device())?)])
            });
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

/// values · gelu(gates), of equal shapes (Shazeer 2020).
pub(super) fn gated(values_of: &Tensor, gates: &Tensor) -> Result<Tensor> {
    if !cpu::serves([values_of, gates]) || values_of.dims() != gates.dims() {
        return values_of * gates.gelu_erf()?;
    }
    let given = (values_of.contiguous()?, gates.contiguous()?);
    let out = Made::numbers(gate(&values(&given.0)?, &values(&given.1)?), values_of.shape());
    let (one, other) = given.clone();
    derived(out, &[&one, &other], move |gradient| {
        let parts = gate_back(&values(&given.0)?, &values(&given.1)?, &values(gradient)?);
        parts.into_iter().map(|part| Tensor::from_vec(part, gradient.shape(), gradient.device()).map(Some)).collect()
    })
}

//! Layer norm and group norm.

use candle_core::{D, Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::cpu::gradient::norm::{Group, group, layer};
use super::cpu::{self, values};
use super::node::{Made, derived};
use super::precision::wide;

/// Over the last dimension (Ba, Kiros, Hinton 2016).
#[derive(Clone)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// `weight` and `bias` of (width).
    pub fn new(weight: Tensor, bias: Tensor, eps: f64) -> Self {
        Self { weight, bias, eps }
    }

    pub fn load(width: usize, eps: f64, vb: VarBuilder) -> Result<Self> {
        let (weight, bias) = affine(width, vb)?;
        Ok(Self { weight, bias, eps })
    }

    /// (…, width) → the same.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if cpu::serves([x, &self.weight, &self.bias]) && x.dim(D::Minus1)? == self.weight.elem_count() {
            let x = x.contiguous()?;
            let (weight, bias) = (values(&self.weight)?, values(&self.bias)?);
            let eps = self.eps as f32;
            let out = Made::numbers(cpu::norm::layer(&values(&x)?, &weight, &bias, eps), x.shape());
            let given = (x.clone(), self.weight.clone());
            return derived(out, &[&x, &self.weight, &self.bias], move |gradient| {
                let (x, weight) = &given;
                let mut gradient = values(gradient)?.to_vec();
                let parameters = layer(&values(x)?, &values(weight)?, eps, &mut gradient);
                let of = |part: Vec<f32>, like: &Tensor| Tensor::from_vec(part, like.shape(), like.device()).map(Some);
                Ok(vec![of(gradient, x)?, of(parameters.weight, weight)?, of(parameters.bias, weight)?])
            });
        }
        standardize(&wide(x)?, self.eps)?
            .broadcast_mul(&wide(&self.weight)?)?
            .broadcast_add(&wide(&self.bias)?)?
            .to_dtype(x.dtype())
    }
}

/// Over groups of channels and all pixels (Wu and He 2018).
#[derive(Clone)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// `groups` divides `channels`: configurations are checked before.
    pub fn load(groups: usize, channels: usize, eps: f64, vb: VarBuilder) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            candle_core::bail!("{channels} channels do not divide into {groups} groups");
        }
        let (weight, bias) = affine(channels, vb)?;
        Ok(Self { weight: weight.reshape((1, channels, 1))?, bias: bias.reshape((1, channels, 1))?, groups, eps })
    }

    /// (batch, channels, …) → the same.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if cpu::serves(self.parameters().into_iter().chain([x])) {
            let x = x.contiguous()?;
            let out = Made::numbers(cpu::norm::apply(&values(&x)?, &self.affine(&x)?, false), x.shape());
            let (norm, given) = (self.clone(), x.clone());
            return derived(out, &[&x, &self.weight, &self.bias], move |gradient| {
                norm.back(&given, values(gradient)?.to_vec(), false).map(|parts| parts.map(Some).into())
            });
        }
        let shape = x.shape();
        let (batch, channels) = (x.dim(0)?, x.dim(1)?);
        standardize(&wide(x)?.reshape((batch, self.groups, ()))?, self.eps)?
            .reshape((batch, channels, ()))?
            .broadcast_mul(&wide(&self.weight)?)?
            .broadcast_add(&wide(&self.bias)?)?
            .reshape(shape)?
            .to_dtype(x.dtype())
    }
}

impl GroupNorm {
    pub(super) fn parameters(&self) -> [&Tensor; 2] {
        [&self.weight, &self.bias]
    }

    /// What it does to each channel of each picture; x is contiguous, and all is as the CPU's kernels want it.
    pub(super) fn affine(&self, x: &Tensor) -> Result<Vec<cpu::Affine>> {
        let (batch, channels) = (x.dim(0)?, x.dim(1)?);
        if channels != self.weight.elem_count() {
            candle_core::bail!("{channels} channels for a norm of {}", self.weight.elem_count());
        }
        let (weight, bias) = (values(&self.weight)?, values(&self.bias)?);
        Ok(cpu::norm::group(&values(x)?, batch, self.groups, &weight, &bias, self.eps as f32))
    }
}

impl GroupNorm {
    /// Gradients of x, which is as `affine` takes it, of weight and of bias, from that of what the norm gave, or of
    /// what silu made of that.
    pub(super) fn back(&self, x: &Tensor, mut gradient: Vec<f32>, act: bool) -> Result<[Tensor; 3]> {
        let batch = x.dim(0)?;
        let values_of = values(x)?;
        let moments = cpu::norm::group_moments(&values_of, batch, self.groups, self.eps as f32);
        let (weight, bias) = (values(&self.weight)?, values(&self.bias)?);
        let norm = Group { x: &values_of, moments: &moments, weight: &weight, bias: &bias, act };
        let parameters = group(norm, batch, &mut gradient);
        let of = |part: Vec<f32>, like: &Tensor| Tensor::from_vec(part, like.shape(), like.device());
        Ok([of(gradient, x)?, of(parameters.weight, &self.weight)?, of(parameters.bias, &self.bias)?])
    }
}

/// Mean 0 and variance 1 over the last dimension.
fn standardize(x: &Tensor, eps: f64) -> Result<Tensor> {
    let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(variance + eps)?.sqrt()?)
}

fn affine(width: usize, vb: VarBuilder) -> Result<(Tensor, Tensor)> {
    let weight = vb.get_with_hints(width, "weight", Init::Const(1.0))?;
    let bias = vb.get_with_hints(width, "bias", Init::Const(0.0))?;
    Ok((weight, bias))
}

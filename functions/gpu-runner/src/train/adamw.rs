//! AdamW (Loshchilov and Hutter 2017), as the reference's `torch.optim.AdamW` computes it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use serde::Serialize;

use super::inplace::{Descend, Mix};
use super::plan::within;
use crate::DrawError;

/// Of torch's `clip_grad_norm_`.
const CLIP_EPS: f64 = 1e-6;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AdamW {
    pub betas: (f64, f64),
    pub eps: f64,
    /// Share of a weight that goes each step, times the rate.
    pub decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { betas: (0.9, 0.999), eps: 1e-8, decay: 0.01 }
    }
}

impl AdamW {
    pub fn check(&self) -> std::result::Result<(), DrawError> {
        within("beta1", self.betas.0, 0.0, 1.0 - 1e-9)?;
        within("beta2", self.betas.1, 0.0, 1.0 - 1e-9)?;
        within("eps", self.eps, f64::MIN_POSITIVE, 1.0)?;
        within("decay", self.decay, 0.0, 1e3).map(|_| ())
    }

    /// One step with gradients times `scale`. `step` counts from 0.
    pub fn step(
        &self,
        (name, var): (&str, &Var),
        gradient: &Tensor,
        moments: &mut Moments,
        (scale, rate, step): (f64, f64, usize),
    ) -> Result<()> {
        let (beta1, beta2) = self.betas;
        let [first, second] = match moments.0.entry(name.to_string()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert([gradient.zeros_like()?, gradient.zeros_like()?]),
        };
        Mix { keep: beta1, add: (1.0 - beta1) * scale, squared: false }.apply(first, gradient)?;
        Mix { keep: beta2, add: (1.0 - beta2) * scale * scale, squared: true }.apply(second, gradient)?;
        let powers = (step + 1).min(i32::MAX as usize) as i32;
        let (bias1, bias2) = (1.0 - beta1.powi(powers), 1.0 - beta2.powi(powers));
        let descend = Descend { keep: 1.0 - rate * self.decay, size: rate / bias1, root: bias2.sqrt(), eps: self.eps };
        match descend.apply(&var.as_detached_tensor(), [first, second])? {
            Some(lower) => var.set(&lower),
            None => Ok(()),
        }
    }
}

/// Running means of each parameter's gradient and of its square, by name. What is not there is 0.
#[derive(Default)]
pub struct Moments(pub BTreeMap<String, [Tensor; 2]>);

/// Length of all gradients together. Every parameter has one.
pub fn length(parameters: &[(String, Var)], gradients: &GradStore) -> Result<f64> {
    let mut squares = Vec::with_capacity(parameters.len());
    for (name, var) in parameters {
        let Some(gradient) = gradients.get(var.as_tensor()) else {
            candle_core::bail!("{name} learns and has no gradient")
        };
        squares.push(gradient.sqr()?.sum_all()?);
    }
    let squares = Tensor::stack(&squares, 0)?.to_vec1::<f32>()?;
    Ok(squares.into_iter().map(f64::from).sum::<f64>().sqrt())
}

/// What gradients of this length are multiplied by.
pub fn shortened(length: f64, clip: Option<f64>) -> f64 {
    clip.map_or(1.0, |most| (most / (length + CLIP_EPS)).min(1.0))
}

//! AdamW (Loshchilov and Hutter 2017), as the reference's `torch.optim.AdamW` computes it.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};
use serde::Serialize;

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
        let gradient = if scale == 1.0 { gradient.clone() } else { (gradient * scale)? };
        let (first, second) = match moments.0.remove(name) {
            Some([first, second]) => (
                ((first * beta1)? + (&gradient * (1.0 - beta1))?)?,
                ((second * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?,
            ),
            None => ((&gradient * (1.0 - beta1))?, (gradient.sqr()? * (1.0 - beta2))?),
        };
        let powers = (step + 1).min(i32::MAX as usize) as i32;
        let (bias1, bias2) = (1.0 - beta1.powi(powers), 1.0 - beta2.powi(powers));
        let size = ((second.sqrt()? / bias2.sqrt())? + self.eps)?;
        let kept = (var.as_detached_tensor() * (1.0 - rate * self.decay))?;
        var.set(&(kept - ((&first * (rate / bias1))? / size)?)?)?;
        moments.0.insert(name.to_string(), [first, second]);
        Ok(())
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

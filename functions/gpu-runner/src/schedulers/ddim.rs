//! DDIM (Song, Meng, Ermon 2020), without added noise (η = 0).

use candle_core::{Result, Tensor};

use super::{Prediction, Schedule, Scheduler, Spacing};
use crate::DrawError;
use crate::noise::Noise;

pub struct Ddim {
    timesteps: Vec<f64>,
    /// ᾱ before and after each step.
    alphas: Vec<(f64, f64)>,
    prediction: Prediction,
    clip: Option<f64>,
}

impl Ddim {
    pub fn new(schedule: &Schedule, steps: usize) -> std::result::Result<Self, DrawError> {
        let times = schedule.timesteps(schedule.spacing.unwrap_or(Spacing::Leading), steps)?;
        let gap = schedule.alphas.len() / steps;
        let last = if schedule.set_alpha_to_one { 1.0 } else { schedule.alphas[0] };
        let alphas = times
            .iter()
            .map(|&t| (schedule.alphas[t], t.checked_sub(gap).map_or(last, |next| schedule.alphas[next])))
            .collect();
        let timesteps = times.iter().map(|&t| t as f64).collect();
        Ok(Self { timesteps, alphas, prediction: schedule.prediction, clip: schedule.clip })
    }
}

impl Ddim {
    fn alphas(&self, i: usize) -> Result<(f64, f64)> {
        let Some(&pair) = self.alphas.get(i) else { candle_core::bail!("step {i} is past the last") };
        Ok(pair)
    }
}

impl Scheduler for Ddim {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn add_noise(&self, picture: &Tensor, noise: &Tensor, i: usize) -> Result<Tensor> {
        let (before, _) = self.alphas(i)?;
        (picture * before.sqrt())? + (noise * (1.0 - before).sqrt())?
    }

    fn step(&mut self, out: &Tensor, i: usize, x: &Tensor, _: &mut Noise) -> Result<Tensor> {
        let (before, after) = self.alphas(i)?;
        let (picture, noise) = self.prediction.split(out, x, before)?;
        let picture = match self.clip {
            Some(bound) => picture.clamp(-bound, bound)?,
            None => picture,
        };
        (picture * after.sqrt())? + (noise * (1.0 - after).sqrt())?
    }
}

impl Prediction {
    /// The picture and the noise that `x` is made of according to the denoiser, at ᾱ = `alpha`.
    pub fn split(self, out: &Tensor, x: &Tensor, alpha: f64) -> Result<(Tensor, Tensor)> {
        let (a, b) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        Ok(match self {
            Prediction::Epsilon => (((x - (out * b)?)? / a)?, out.clone()),
            Prediction::Sample => (out.clone(), ((x - (out * a)?)? / b)?),
            Prediction::VPrediction => (((x * a)? - (out * b)?)?, ((out * a)? + (x * b)?)?),
        })
    }
}

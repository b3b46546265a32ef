//! DDIM (Song, Meng, Ermon 2020), without added noise (η = 0), as the reference's `DDIMScheduler`.

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::{Prediction, Sampler, Schedule, Scheduler, Spacing};
use crate::DrawError;
use crate::noise::Noise;

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    clip_sample: bool,
    clip_sample_range: f64,
    set_alpha_to_one: bool,
    rescale_betas_zero_snr: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { clip_sample: true, clip_sample_range: 1.0, set_alpha_to_one: true, rescale_betas_zero_snr: false }
    }
}

pub struct Ddim {
    timesteps: Vec<f64>,
    /// ᾱ before and after each step.
    alphas: Vec<(f64, f64)>,
    prediction: Prediction,
    /// Bound of the predicted picture, when it has one.
    clip: Option<f64>,
}

impl Ddim {
    pub fn new(schedule: &Schedule, steps: usize) -> std::result::Result<Self, DrawError> {
        let settings: Settings = schedule.settings(Sampler::Ddim)?;
        let visits = schedule.visits(Sampler::Ddim, Spacing::Leading)?;
        let table = schedule.alphas(settings.rescale_betas_zero_snr);
        let gap = table.len() / steps.max(1);
        let last = if settings.set_alpha_to_one { 1.0 } else { table[0] };
        let times = visits.whole(steps)?;
        let alphas = times.iter().map(|&t| (table[t], t.checked_sub(gap).map_or(last, |next| table[next]))).collect();
        Ok(Self {
            timesteps: times.iter().map(|&t| t as f64).collect(),
            alphas,
            prediction: schedule.prediction,
            clip: settings.clip_sample.then_some(settings.clip_sample_range),
        })
    }

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
    pub(super) fn split(self, out: &Tensor, x: &Tensor, alpha: f64) -> Result<(Tensor, Tensor)> {
        let (a, b) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        Ok(match self {
            Prediction::Epsilon => (((x - (out * b)?)? / a)?, out.clone()),
            Prediction::Sample => (out.clone(), ((x - (out * a)?)? / b)?),
            Prediction::VPrediction => (((x * a)? - (out * b)?)?, ((out * a)? + (x * b)?)?),
        })
    }
}

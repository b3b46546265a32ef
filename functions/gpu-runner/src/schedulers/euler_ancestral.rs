//! Ancestral sampling with Euler's steps, as the reference's `EulerAncestralDiscreteScheduler` has it from Crowson's
//! k-diffusion: each step goes further than it should, and noise of the picture's own makes up for it.

use candle_core::{DType, Result, Tensor};
use serde::Deserialize;

use super::sigmas::{FinalSigma, Spread, Walk, Walker};
use super::{Prediction, Sampler, Schedule};
use crate::DrawError;
use crate::models::config::unsupported;
use crate::noise::Noise;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    rescale_betas_zero_snr: bool,
}

pub struct EulerAncestral(Walk);

impl EulerAncestral {
    pub fn new(schedule: &Schedule, steps: usize) -> std::result::Result<Self, DrawError> {
        if schedule.prediction == Prediction::Sample {
            return Err(unsupported("prediction_type sample with K_EULER_ANCESTRAL".into()));
        }
        let settings: Settings = schedule.settings(Sampler::EulerAncestral)?;
        // The class knows none of the other keys.
        let (spread, end) = (Spread::default(), FinalSigma::Zero);
        let zero_snr = settings.rescale_betas_zero_snr;
        Ok(Self(Walk::new(schedule, Sampler::EulerAncestral, steps, zero_snr, spread, end)?))
    }
}

impl Walker for EulerAncestral {
    fn walk(&self) -> &Walk {
        &self.0
    }

    fn stride(&mut self, out: &Tensor, i: usize, x: &Tensor, noise: &mut Noise) -> Result<Tensor> {
        let (before, after) = self.0.sigmas(i)?;
        let up = (after.powi(2) * (before.powi(2) - after.powi(2)) / before.powi(2)).max(0.0).sqrt();
        let down = (after.powi(2) - up.powi(2)).max(0.0).sqrt();
        let x = (x + (self.0.slope(out, i, x)? * (down - before))?)?;
        if up == 0.0 {
            return Ok(x);
        }
        // In single precision whatever x is: the same numbers on every device.
        let fresh = noise.tensor(x.dims(), DType::F32, x.device())?.to_dtype(x.dtype())?;
        x + (fresh * up)?
    }
}

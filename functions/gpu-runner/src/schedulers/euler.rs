//! Euler's method (Karras et al. 2022, algorithm 2 without churn), as the reference's `EulerDiscreteScheduler`.

use candle_core::{Result, Tensor};
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
    final_sigmas_type: FinalSigma,
    interpolation_type: Option<String>,
    timestep_type: Option<String>,
    #[serde(flatten)]
    spread: Spread,
}

pub struct Euler(Walk);

impl Euler {
    pub fn new(schedule: &Schedule, steps: usize) -> std::result::Result<Self, DrawError> {
        let settings: Settings = schedule.settings(Sampler::Euler)?;
        let known = |value: &Option<String>, only: &str| value.as_deref().is_none_or(|value| value == only);
        if !known(&settings.interpolation_type, "linear") {
            return Err(unsupported("interpolation_type other than linear".into()));
        }
        // Other predictions pass over it.
        if schedule.prediction == Prediction::VPrediction && !known(&settings.timestep_type, "discrete") {
            return Err(unsupported("timestep_type other than discrete".into()));
        }
        let (zero_snr, end) = (settings.rescale_betas_zero_snr, settings.final_sigmas_type);
        Ok(Self(Walk::new(schedule, Sampler::Euler, steps, zero_snr, settings.spread, end)?))
    }
}

impl Walker for Euler {
    fn walk(&self) -> &Walk {
        &self.0
    }

    fn stride(&mut self, out: &Tensor, i: usize, x: &Tensor, _: &mut Noise) -> Result<Tensor> {
        let (before, after) = self.0.sigmas(i)?;
        x + (self.0.slope(out, i, x)? * (after - before))?
    }
}

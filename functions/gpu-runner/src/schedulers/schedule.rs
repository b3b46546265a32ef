//! `scheduler/scheduler_config.json`: the noise schedule a model was trained with.
//!
//! Owns what the file says and how each of the reference's classes reads it. It must not know what a sampler does.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Sampler, Spacing, Visits};
use crate::DrawError;
use crate::models::config::{Config, invalid, positive, within};

/// What the denoiser's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise in x (Ho et al. 2020).
    Epsilon,
    /// √ᾱ·noise − √(1−ᾱ)·picture (Salimans and Ho 2022).
    VPrediction,
    /// The picture.
    Sample,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BetaSchedule {
    Linear,
    ScaledLinear,
    SquaredcosCapV2,
}

/// The keys that mean the same to every class, with the reference's defaults, and others that are checked early.
#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    num_train_timesteps: usize,
    beta_start: f64,
    beta_end: f64,
    beta_schedule: BetaSchedule,
    trained_betas: Option<Vec<f64>>,
    rescale_betas_zero_snr: bool,
    prediction_type: Prediction,
    timestep_spacing: Option<Spacing>,
    steps_offset: usize,
    clip_sample_range: f64,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: BetaSchedule::Linear,
            trained_betas: None,
            rescale_betas_zero_snr: false,
            prediction_type: Prediction::Epsilon,
            timestep_spacing: None,
            steps_offset: 0,
            clip_sample_range: 1.0,
        }
    }
}

/// A checked file.
#[derive(Clone, Debug)]
pub struct Schedule {
    config: Config,
    betas: Vec<f64>,
    pub(super) prediction: Prediction,
    /// Whether a pipeline has overruled the file: see `overruled`.
    overruled: bool,
}

impl Schedule {
    pub fn checked(config: &Config) -> Result<Self, DrawError> {
        config.only("thresholding", false)?;
        let raw: Raw = config.parse()?;
        let count = within("num_train_timesteps", raw.num_train_timesteps, 1..=100_000)?;
        within("steps_offset", raw.steps_offset, 0..=count - 1)?;
        positive("clip_sample_range", raw.clip_sample_range)?;
        let betas = raw.betas();
        if betas.len() != count {
            return Err(invalid(format!("trained_betas has {} entries for {count} timesteps", betas.len())));
        }
        if let Some(beta) = betas.iter().find(|beta| !(0.0..1.0).contains(*beta)) {
            return Err(invalid(format!("the schedule has a beta of {beta}, outside 0 to 1")));
        }
        // Some sampler divides by each of these.
        let alphas = products(&betas);
        let (first, last) = (alphas.first().copied().unwrap_or(1.0), alphas.last().copied().unwrap_or(0.0));
        if first >= 1.0 || last < f64::from(f32::MIN_POSITIVE) {
            return Err(invalid("the schedule begins without noise, or ends without picture".into()));
        }
        if raw.rescale_betas_zero_snr && raw.prediction_type == Prediction::Epsilon {
            return Err(invalid("rescale_betas_zero_snr leaves nothing to predict with epsilon".into()));
        }
        if raw.rescale_betas_zero_snr && first <= last {
            return Err(invalid("rescale_betas_zero_snr of a schedule that does not go anywhere".into()));
        }
        Ok(Self { config: config.clone(), betas, prediction: raw.prediction_type, overruled: false })
    }

    /// As the reference's `StableDiffusionPipeline` takes it: whatever an older file says, times are offset by 1 and
    /// latents are not bounded like pixels. (`StableDiffusionXLPipeline` takes the file at its word.)
    pub fn overruled(self) -> Self {
        Self { overruled: true, ..self }
    }

    /// The keys as the reference's class of this sampler gets them: directly when the file is the class's own, else
    /// by `from_config`, where keys of the file reach any class that knows them, and others have the defaults of the
    /// class. So what a pipeline overrules reaches another class only where the file has the key.
    pub(super) fn settings<T: DeserializeOwned>(&self, sampler: Sampler) -> Result<T, DrawError> {
        let mut config = self.config.clone();
        if self.overruled {
            let own = config.get("_class_name").and_then(Value::as_str) == Some(sampler.class());
            for (key, value) in [("steps_offset", json!(1)), ("clip_sample", json!(false))] {
                if own || config.get(key).is_some() {
                    config.set(key, value);
                }
            }
        }
        config.parse()
    }

    /// Which times a run visits; `spacing` where the file does not say.
    pub(super) fn visits(&self, sampler: Sampler, spacing: Spacing) -> Result<Visits, DrawError> {
        let raw: Raw = self.settings(sampler)?;
        Ok(Visits {
            spacing: raw.timestep_spacing.unwrap_or(spacing),
            offset: raw.steps_offset,
            count: self.betas.len(),
        })
    }

    /// The process whose reversal the denoiser is taught: ᾱ of every training time, rescaled where the file says so,
    /// and what the denoiser predicts.
    pub fn process(&self) -> Result<(Vec<f64>, Prediction), DrawError> {
        let raw: Raw = self.config.parse()?;
        Ok((self.alphas(raw.rescale_betas_zero_snr), self.prediction))
    }

    /// ᾱ for every training time: the share of the picture in x, squared. `zero_snr`: rescaled, as some classes do
    /// where the file says so, to end in nothing but noise.
    pub(super) fn alphas(&self, zero_snr: bool) -> Vec<f64> {
        let alphas = products(&self.betas);
        if zero_snr { zero_snr_alphas(&alphas) } else { alphas }
    }

    /// Whether the betas are those that are at their largest possible value at the end.
    pub(super) fn is_cosine(&self) -> bool {
        self.config.get("beta_schedule").and_then(Value::as_str) == Some("squaredcos_cap_v2")
    }
}

impl Raw {
    fn betas(&self) -> Vec<f64> {
        if let Some(betas) = &self.trained_betas {
            return betas.clone();
        }
        let count = self.num_train_timesteps;
        let at = |i: usize| if count == 1 { 0.0 } else { i as f64 / (count - 1) as f64 };
        let line = |from: f64, to: f64| (0..count).map(move |i| from + (to - from) * at(i));
        match self.beta_schedule {
            BetaSchedule::Linear => line(self.beta_start, self.beta_end).collect(),
            BetaSchedule::ScaledLinear => {
                line(self.beta_start.sqrt(), self.beta_end.sqrt()).map(|root| root * root).collect()
            }
            // Nichol and Dhariwal 2021, equation 17.
            BetaSchedule::SquaredcosCapV2 => {
                let bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
                let n = count as f64;
                (0..count).map(|i| (1.0 - bar((i + 1) as f64 / n) / bar(i as f64 / n)).min(0.999)).collect()
            }
        }
    }
}

fn products(betas: &[f64]) -> Vec<f64> {
    let mut product = 1.0;
    betas
        .iter()
        .map(|beta| {
            product *= 1.0 - beta;
            product
        })
        .collect()
}

/// Rescaled to end in pure noise (Lin et al. 2023, algorithm 1).
fn zero_snr_alphas(alphas: &[f64]) -> Vec<f64> {
    let first = alphas.first().copied().unwrap_or(1.0).sqrt();
    let last = alphas.last().copied().unwrap_or(0.0).sqrt();
    alphas.iter().map(|alpha| ((alpha.sqrt() - last) * first / (first - last)).powi(2)).collect()
}

//! `scheduler/scheduler_config.json`: the noise schedule a model was trained with, and which of its times a run visits.

use serde::Deserialize;

use crate::models::config::{Config, invalid, positive, within};
use crate::{Code, DrawError};

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

/// Which times of the training schedule a run visits (Lin et al. 2023, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    Leading,
    Linspace,
    Trailing,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BetaSchedule {
    Linear,
    ScaledLinear,
    SquaredcosCapV2,
}

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
    clip_sample: bool,
    clip_sample_range: f64,
    set_alpha_to_one: bool,
}

/// Defaults are those of the reference's `DDIMScheduler`.
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
            clip_sample: true,
            clip_sample_range: 1.0,
            set_alpha_to_one: true,
        }
    }
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// ᾱ for every training time: the share of the picture in x, squared.
    pub alphas: Vec<f64>,
    pub prediction: Prediction,
    /// As the file says; samplers differ in their default.
    pub spacing: Option<Spacing>,
    pub steps_offset: usize,
    /// Bound of the predicted picture, when it has one.
    pub clip: Option<f64>,
    pub set_alpha_to_one: bool,
}

impl Schedule {
    pub fn checked(config: &Config) -> Result<Self, DrawError> {
        config.only("thresholding", false)?;
        let raw: Raw = config.parse()?;
        let count = within("num_train_timesteps", raw.num_train_timesteps, 1..=100_000)?;
        within("steps_offset", raw.steps_offset, 0..=count - 1)?;
        positive("clip_sample_range", raw.clip_sample_range)?;
        let mut betas = raw.betas();
        if betas.len() != count {
            return Err(invalid(format!("trained_betas has {} entries for {count} timesteps", betas.len())));
        }
        if let Some(beta) = betas.iter().find(|beta| !(0.0..1.0).contains(*beta)) {
            return Err(invalid(format!("the schedule has a beta of {beta}, outside 0 to 1")));
        }
        if raw.rescale_betas_zero_snr {
            if raw.prediction_type == Prediction::Epsilon {
                return Err(invalid("rescale_betas_zero_snr leaves nothing to predict with epsilon".into()));
            }
            betas = zero_snr(&betas);
        }
        let mut product = 1.0;
        let alphas = betas
            .iter()
            .map(|beta| {
                product *= 1.0 - beta;
                product
            })
            .collect();
        Ok(Self {
            alphas,
            prediction: raw.prediction_type,
            spacing: raw.timestep_spacing,
            steps_offset: raw.steps_offset,
            clip: raw.clip_sample.then_some(raw.clip_sample_range),
            set_alpha_to_one: raw.set_alpha_to_one,
        })
    }

    /// The training times of a run, from noise to picture.
    pub fn timesteps(&self, spacing: Spacing, steps: usize) -> Result<Vec<usize>, DrawError> {
        let count = self.alphas.len();
        if steps == 0 || steps > count {
            return Err(invalid_steps(steps, count));
        }
        let times: Vec<usize> = match spacing {
            Spacing::Leading => (0..steps).rev().map(|i| i * (count / steps) + self.steps_offset).collect(),
            Spacing::Linspace => {
                let gap = if steps == 1 { 0.0 } else { (count - 1) as f64 / (steps - 1) as f64 };
                (0..steps).rev().map(|i| (i as f64 * gap).round_ties_even() as usize).collect()
            }
            Spacing::Trailing => {
                let gap = count as f64 / steps as f64;
                (0..steps)
                    .map(|i| ((count as f64 - i as f64 * gap).round_ties_even() as usize).saturating_sub(1))
                    .collect()
            }
        };
        if times.iter().any(|t| *t >= count) { Err(invalid_steps(steps, count)) } else { Ok(times) }
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

/// Betas that end in pure noise (Lin et al. 2023, algorithm 1).
fn zero_snr(betas: &[f64]) -> Vec<f64> {
    let mut product = 1.0;
    let roots: Vec<f64> = betas
        .iter()
        .map(|beta| {
            product *= 1.0 - beta;
            f64::sqrt(product)
        })
        .collect();
    let (first, last) = (roots.first().copied().unwrap_or(1.0), roots.last().copied().unwrap_or(0.0));
    let bars = roots.iter().map(|root| ((root - last) * first / (first - last)).powi(2));
    let before = std::iter::once(1.0).chain(bars.clone());
    bars.zip(before).map(|(bar, before)| 1.0 - bar / before).collect()
}

fn invalid_steps(steps: usize, count: usize) -> DrawError {
    DrawError::new(Code::RequestInvalid, format!("{steps} steps: this model's schedule of {count} does not allow them"))
}

//! DPM-Solver++ as a multistep method of order 1 to 3 (Lu et al. 2022), as the reference's
//! `DPMSolverMultistepScheduler` with `algorithm_type` dpmsolver++.

use candle_core::{Result, Tensor};
use serde::Deserialize;
use serde_json::Value;

use super::sigmas::{Curve, FinalSigma, Spread, Table};
use super::{Prediction, Sampler, Schedule, Scheduler, Spacing};
use crate::DrawError;
use crate::models::config::{invalid, unsupported, within};
use crate::noise::Noise;

/// With fewer steps than these the last ones are of lower orders, for stability.
const FEW: usize = 15;

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    solver_order: usize,
    algorithm_type: String,
    solver_type: String,
    lower_order_final: bool,
    euler_at_final: bool,
    final_sigmas_type: FinalSigma,
    /// A number, or the word for the one that JSON does not have.
    lambda_min_clipped: Value,
    variance_type: Option<String>,
    rescale_betas_zero_snr: bool,
    #[serde(flatten)]
    spread: Spread,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            solver_order: 2,
            algorithm_type: "dpmsolver++".into(),
            solver_type: "midpoint".into(),
            lower_order_final: true,
            euler_at_final: false,
            final_sigmas_type: FinalSigma::Zero,
            lambda_min_clipped: "-Infinity".into(),
            variance_type: None,
            rescale_betas_zero_snr: false,
            spread: Spread::default(),
        }
    }
}

impl Settings {
    fn check(&self) -> std::result::Result<(), DrawError> {
        within("solver_order", self.solver_order, 1..=3)?;
        // Names of the same thing in files of other classes are as the reference takes them.
        if !matches!(self.algorithm_type.as_str(), "dpmsolver++" | "deis") {
            return Err(unsupported(format!(
                "algorithm_type {:?} (only dpmsolver++ is supported)",
                self.algorithm_type
            )));
        }
        if !matches!(self.solver_type.as_str(), "midpoint" | "heun" | "logrho" | "bh1" | "bh2") {
            return Err(unsupported(format!(
                "solver_type {:?} (only midpoint and heun are supported)",
                self.solver_type
            )));
        }
        if self.variance_type.as_deref().is_some_and(|kind| kind.starts_with("learned")) {
            return Err(unsupported("a learned variance".into()));
        }
        Ok(())
    }

    fn lambda_min(&self) -> std::result::Result<f64, DrawError> {
        match &self.lambda_min_clipped {
            Value::String(word) if word == "-Infinity" => Ok(f64::NEG_INFINITY),
            value => value.as_f64().ok_or_else(|| invalid(format!("lambda_min_clipped = {value}"))),
        }
    }
}

pub struct Dpm {
    timesteps: Vec<f64>,
    /// One more than times.
    sigmas: Vec<f64>,
    settings: Settings,
    prediction: Prediction,
    /// Predicted pictures, the latest last, as many as the order at most.
    pictures: Vec<Tensor>,
}

impl Dpm {
    pub fn new(schedule: &Schedule, steps: usize) -> std::result::Result<Self, DrawError> {
        let settings: Settings = schedule.settings(Sampler::Dpm)?;
        settings.check()?;
        let visits = schedule.visits(Sampler::Dpm, Spacing::Linspace)?;
        let table = Table::of(schedule, settings.rescale_betas_zero_snr);
        let end = visits.count - table.below(settings.lambda_min()?);
        if end == 0 {
            return Err(invalid("lambda_min_clipped leaves no time".into()));
        }
        let mut timesteps = visits.before_zero(steps, end)?;
        let mut sigmas: Vec<f64> = timesteps.iter().map(|time| table.at(*time)).collect();
        let curve = settings.spread.curve()?;
        if curve != Curve::Trained {
            // There the reference cuts times off to whole ones, after an error of the last digit.
            if curve == Curve::Exponential || schedule.is_cosine() {
                return Err(unsupported("use_exponential_sigmas or a cosine schedule with DPMSolverMultistep".into()));
            }
            sigmas = settings.spread.along(curve, table.last(), table.first(), steps)?;
            timesteps = sigmas.iter().map(|sigma| table.time_of(*sigma).round_ties_even()).collect();
        }
        if sigmas.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(invalid("DPMSolverMultistep needs a schedule where each step leads somewhere".into()));
        }
        sigmas.push(match settings.final_sigmas_type {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => table.first(),
        });
        Ok(Self { timesteps, sigmas, settings, prediction: schedule.prediction, pictures: Vec::new() })
    }

    /// The latest `N` σ up to the one after call `i`, latest first.
    fn sigmas<const N: usize>(&self, i: usize) -> Result<[f64; N]> {
        let known = i.checked_add(2).and_then(|end| self.sigmas.get(..end)).unwrap_or_default();
        let found: [Option<f64>; N] = std::array::from_fn(|back| known.iter().rev().nth(back).copied());
        if found.contains(&None) {
            candle_core::bail!("step {i} has not {N} places in the schedule");
        }
        Ok(found.map(Option::unwrap_or_default))
    }

    fn order(&self, i: usize) -> usize {
        let (settings, left) = (&self.settings, self.timesteps.len().saturating_sub(i));
        let few = settings.lower_order_final && self.timesteps.len() < FEW;
        let last = match left {
            1 if settings.euler_at_final || few || settings.final_sigmas_type == FinalSigma::Zero => 1,
            2 if few => 2,
            _ => 3,
        };
        last.min(settings.solver_order).min(self.pictures.len())
    }
}

/// λ: the logarithm of the picture's share over the noise's.
fn lambda(sigma: f64) -> f64 {
    -sigma.ln()
}

/// The shares of picture and noise in x of unit variance.
fn shares(sigma: f64) -> (f64, f64) {
    let picture = 1.0 / sigma.hypot(1.0);
    (picture, sigma * picture)
}

impl Scheduler for Dpm {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn add_noise(&self, picture: &Tensor, noise: &Tensor, i: usize) -> Result<Tensor> {
        let [_, now] = self.sigmas(i)?;
        let (a, b) = shares(now);
        (picture * a)? + (noise * b)?
    }

    fn step(&mut self, out: &Tensor, i: usize, x: &Tensor, _: &mut Noise) -> Result<Tensor> {
        let [next, now] = self.sigmas(i)?;
        let (_, before) = shares(now);
        let (a, after) = shares(next);
        let (picture, _) = self.prediction.split(out, x, shares(now).0.powi(2))?;
        if self.pictures.len() == self.settings.solver_order {
            self.pictures.remove(0);
        }
        self.pictures.push(picture);
        let h = lambda(next) - lambda(now);
        if h == 0.0 {
            // The last step, to a σ where the run already is.
            return Ok(x.clone());
        }
        // 1 − e^−h, to the last digit where steps are small.
        let gain = -(-h).exp_m1();
        let moved = (x * (after / before))?;
        match (self.order(i), self.pictures.as_slice()) {
            (3, [m2, m1, m0]) => {
                let [_, s0, s1, s2] = self.sigmas(i)?;
                let (r0, r1) = ((lambda(s0) - lambda(s1)) / h, (lambda(s1) - lambda(s2)) / h);
                let (d10, d11) = (((m0 - m1)? / r0)?, ((m1 - m2)? / r1)?);
                let bend = ((&d10 - d11)? / (r0 + r1))?;
                let d1 = (d10 + (&bend * r0)?)?;
                let line = (d1 * (a * (1.0 - gain / h)))?;
                let curve = (bend * (a * ((h - gain) / (h * h) - 0.5)))?;
                ((moved + (m0 * (a * gain))?)? + line)? - curve
            }
            (2, [.., m1, m0]) => {
                let [_, s0, s1] = self.sigmas(i)?;
                let d1 = ((m0 - m1)? * (h / (lambda(s0) - lambda(s1))))?;
                let share = if self.settings.solver_type == "heun" { 1.0 - gain / h } else { 0.5 * gain };
                (moved + (m0 * (a * gain))?)? + (d1 * (a * share))?
            }
            (_, [.., m0]) => moved + (m0 * (a * gain))?,
            _ => Ok(moved),
        }
    }
}

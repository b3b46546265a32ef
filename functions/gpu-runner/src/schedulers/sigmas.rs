//! Runs in terms of σ, the noise beside a picture of unit share: x = picture + σ·noise (Karras et al. 2022).
//!
//! Owns how σ is spread over a run, and what the samplers K_EULER, K_EULER_ANCESTRAL and KLMS have in common.

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::{Prediction, Sampler, Schedule, Scheduler, Spacing, Visits};
use crate::DrawError;
use crate::models::config::{invalid, unsupported};
use crate::noise::Noise;

/// ᾱ where the reference has it instead of the 0 of a rescaled schedule: 0 would be a σ without bound.
const LAST_ALPHA: f64 = 1.0 / (1 << 24) as f64;
/// Of Karras et al. 2022, equation 5.
const RHO: f64 = 7.0;

/// The keys that say how σ is spread.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spread {
    use_karras_sigmas: bool,
    use_exponential_sigmas: bool,
    use_lu_lambdas: bool,
    use_beta_sigmas: bool,
    use_flow_sigmas: bool,
    sigma_min: Option<f64>,
    sigma_max: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// As the training times have it.
    Trained,
    Karras,
    /// Evenly in log σ.
    Exponential,
    /// Of Lu et al. 2022, with ρ = 1; for DPM-Solver alone. The same σ as `Exponential`.
    Lu,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FinalSigma {
    #[default]
    Zero,
    SigmaMin,
}

impl Spread {
    pub fn curve(&self) -> std::result::Result<Curve, DrawError> {
        if self.use_beta_sigmas || self.use_flow_sigmas {
            return Err(unsupported("use_beta_sigmas, use_flow_sigmas".into()));
        }
        match (self.use_karras_sigmas, self.use_exponential_sigmas, self.use_lu_lambdas) {
            (true, true, _) => Err(invalid("both use_karras_sigmas and use_exponential_sigmas".into())),
            (true, false, _) => Ok(Curve::Karras),
            (_, _, true) => Ok(Curve::Lu),
            (_, true, _) => Ok(Curve::Exponential),
            _ => Ok(Curve::Trained),
        }
    }

    /// Without the bounds, which some classes do not know.
    pub fn unbounded(self) -> Self {
        Self { sigma_min: None, sigma_max: None, ..self }
    }

    /// `steps` σ along a curve from the largest to the smallest; the file's bounds come before these.
    pub fn along(
        &self,
        curve: Curve,
        largest: f64,
        smallest: f64,
        steps: usize,
    ) -> std::result::Result<Vec<f64>, DrawError> {
        let largest = bounded("sigma_max", self.sigma_max.unwrap_or(largest))?;
        let smallest = bounded("sigma_min", self.sigma_min.unwrap_or(smallest))?;
        let at = |i: usize| if steps == 1 { 0.0 } else { i as f64 / (steps - 1) as f64 };
        let between = |a: f64, b: f64| (0..steps).map(move |i| a + at(i) * (b - a));
        Ok(match curve {
            Curve::Karras => {
                between(largest.powf(1.0 / RHO), smallest.powf(1.0 / RHO)).map(|root| root.powf(RHO)).collect()
            }
            _ => between(largest.ln(), smallest.ln()).map(f64::exp).collect(),
        })
    }
}

/// A σ that single precision can do with.
fn bounded(name: &str, sigma: f64) -> std::result::Result<f64, DrawError> {
    if (1e-10..1e10).contains(&sigma) { Ok(sigma) } else { Err(invalid(format!("{name} = {sigma}"))) }
}

/// σ of every training time, ascending.
pub(super) struct Table(Vec<f64>);

impl Table {
    pub fn of(schedule: &Schedule, zero_snr: bool) -> Self {
        let mut alphas = schedule.alphas(zero_snr);
        if let (true, Some(last)) = (zero_snr, alphas.last_mut()) {
            *last = LAST_ALPHA;
        }
        Self(alphas.iter().map(|alpha| ((1.0 - alpha) / alpha).sqrt()).collect())
    }

    pub fn first(&self) -> f64 {
        self.0.first().copied().unwrap_or_default()
    }

    pub fn last(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// How many training times have more noise than this: log of the share of the picture over that of the noise.
    pub fn below(&self, lambda: f64) -> usize {
        self.0.iter().filter(|sigma| -sigma.ln() < lambda).count()
    }

    /// Between training times in proportion.
    pub fn at(&self, time: f64) -> f64 {
        let low = (time.max(0.0) as usize).min(self.0.len().saturating_sub(1));
        let (a, b) = (self.0[low], self.0.get(low + 1).copied().unwrap_or(self.0[low]));
        a + (b - a) * (time - low as f64).clamp(0.0, 1.0)
    }

    /// The time of a σ, between training times in proportion to its logarithm.
    pub fn time_of(&self, sigma: f64) -> f64 {
        let Some(top) = self.0.len().checked_sub(2) else { return 0.0 };
        let low = self.0.partition_point(|known| *known <= sigma).saturating_sub(1).min(top);
        let (a, b) = (self.0[low].ln(), self.0[low + 1].ln());
        let share = if b > a { (sigma.ln() - a) / (b - a) } else { 0.0 };
        low as f64 + share.clamp(0.0, 1.0)
    }
}

/// A sampler that walks down σ and differs from the others in its steps alone.
pub(super) trait Walker {
    fn walk(&self) -> &Walk;

    /// As `Scheduler::step`.
    fn stride(&mut self, out: &Tensor, i: usize, x: &Tensor, noise: &mut Noise) -> Result<Tensor>;
}

impl<W: Walker> Scheduler for W {
    fn timesteps(&self) -> &[f64] {
        &self.walk().timesteps
    }

    fn initial_sigma(&self) -> f64 {
        self.walk().initial_sigma()
    }

    fn add_noise(&self, picture: &Tensor, noise: &Tensor, i: usize) -> Result<Tensor> {
        self.walk().add_noise(picture, noise, i)
    }

    fn scale_input(&self, x: &Tensor, i: usize) -> Result<Tensor> {
        self.walk().scale_input(x, i)
    }

    fn step(&mut self, out: &Tensor, i: usize, x: &Tensor, noise: &mut Noise) -> Result<Tensor> {
        self.stride(out, i, x, noise)
    }
}

/// The calls of a run, and x before and after each.
pub(super) struct Walk {
    pub timesteps: Vec<f64>,
    /// One more than times: what is left after the last.
    pub sigmas: Vec<f64>,
    initial: f64,
    prediction: Prediction,
}

impl Walk {
    /// As the reference's Euler and LMS classes set it up; all have linspace where the file does not say.
    pub fn new(
        schedule: &Schedule,
        sampler: Sampler,
        steps: usize,
        zero_snr: bool,
        spread: Spread,
        end: FinalSigma,
    ) -> std::result::Result<Self, DrawError> {
        let visits: Visits = schedule.visits(sampler, Spacing::Linspace)?;
        let table = Table::of(schedule, zero_snr);
        let mut timesteps = visits.fractional(steps)?;
        let mut sigmas: Vec<f64> = timesteps.iter().map(|time| table.at(*time)).collect();
        let curve = spread.curve()?;
        if let (Curve::Karras | Curve::Exponential, [largest, .., smallest] | [largest @ smallest]) =
            (curve, sigmas.as_slice())
        {
            sigmas = spread.along(curve, *largest, *smallest, steps)?;
            timesteps = sigmas.iter().map(|sigma| table.time_of(*sigma)).collect();
        }
        sigmas.push(match end {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => table.first(),
        });
        let largest = sigmas.iter().copied().fold(0.0, f64::max);
        let initial = if visits.spacing == Spacing::Leading { largest.hypot(1.0) } else { largest };
        Ok(Self { timesteps, sigmas, initial, prediction: schedule.prediction })
    }

    /// What unit noise is multiplied by where the run begins.
    pub fn initial_sigma(&self) -> f64 {
        self.initial
    }

    /// σ before and after call `i`.
    pub fn sigmas(&self, i: usize) -> Result<(f64, f64)> {
        match self.sigmas.get(i..).unwrap_or_default() {
            [before, after, ..] => Ok((*before, *after)),
            _ => candle_core::bail!("step {i} is past the last"),
        }
    }

    pub fn add_noise(&self, picture: &Tensor, noise: &Tensor, i: usize) -> Result<Tensor> {
        picture + (noise * self.sigmas(i)?.0)?
    }

    /// x with unit variance.
    pub fn scale_input(&self, x: &Tensor, i: usize) -> Result<Tensor> {
        x / self.sigmas(i)?.0.hypot(1.0)
    }

    /// dx/dσ at call `i`: (x − picture) / σ, with the picture that the denoiser means.
    pub fn slope(&self, out: &Tensor, i: usize, x: &Tensor) -> Result<Tensor> {
        let (sigma, _) = self.sigmas(i)?;
        match self.prediction {
            Prediction::Epsilon => Ok(out.clone()),
            Prediction::VPrediction => {
                let whole = sigma.hypot(1.0);
                (out / whole)? + (x * (sigma / (whole * whole)))?
            }
            Prediction::Sample => (x - out)? / sigma,
        }
    }
}

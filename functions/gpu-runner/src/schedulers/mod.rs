//! Samplers: how a sequence of denoiser outputs turns noise into latents.

mod ddim;
mod schedule;

use candle_core::{Result, Tensor};

pub use ddim::Ddim;
pub use schedule::{Prediction, Schedule, Spacing};

use crate::noise::Noise;
use crate::{Code, DrawError};

/// One run of a sampler over one picture. Multi-step samplers remember earlier outputs, hence `&mut`.
pub trait Scheduler {
    /// Times of the denoiser's calls, first to last; some samplers make more calls than steps, or at fractions.
    fn timesteps(&self) -> &[f64];

    /// What unit-variance noise is multiplied by at the start.
    fn initial_sigma(&self) -> f64 {
        1.0
    }

    /// What `x` would be before call `i` had the run begun with this picture in mind: latents of the picture under its
    /// share of unit-variance noise. Where a run begins that does not begin at noise alone.
    fn add_noise(&self, picture: &Tensor, noise: &Tensor, i: usize) -> Result<Tensor>;

    /// What the denoiser is shown at call `i` in place of `x`.
    fn scale_input(&self, x: &Tensor, _i: usize) -> Result<Tensor> {
        Ok(x.clone())
    }

    /// From the denoiser's output at call `i`, and `x` before it, to `x` after it. Ancestral samplers draw from `noise`.
    fn step(&mut self, out: &Tensor, i: usize, x: &Tensor, noise: &mut Noise) -> Result<Tensor>;
}

/// The samplers by their names in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampler {
    Ddim,
}

impl Sampler {
    pub const ALL: [Sampler; 1] = [Sampler::Ddim];

    pub fn name(self) -> &'static str {
        match self {
            Sampler::Ddim => "DDIM",
        }
    }

    pub fn parse(name: &str) -> std::result::Result<Self, DrawError> {
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            DrawError::new(Code::RequestInvalid, format!("scheduler {name:?}: this runner has {known}"))
        })
    }

    /// A fresh run of `steps` steps.
    pub fn start(self, schedule: &Schedule, steps: usize) -> std::result::Result<Box<dyn Scheduler>, DrawError> {
        Ok(match self {
            Sampler::Ddim => Box::new(Ddim::new(schedule, steps)?),
        })
    }
}

//! Samplers: how a sequence of denoiser outputs turns noise into latents.
//!
//! Each is set up from the model's `scheduler_config.json` as the reference's class of the same name is; schedules are
//! computed in double precision.

mod ddim;
mod dpm;
mod euler;
mod euler_ancestral;
mod lms;
mod pndm;
mod schedule;
mod sigmas;
mod visits;

use candle_core::{Result, Tensor};

use ddim::Ddim;
use dpm::Dpm;
use euler::Euler;
use euler_ancestral::EulerAncestral;
use lms::Lms;
use pndm::Pndm;
pub use schedule::{Prediction, Schedule};
use visits::{Spacing, Visits};

use crate::noise::Noise;
use crate::{Code, DrawError};

/// One run of a sampler over one picture. Multi-step samplers remember earlier outputs, hence `&mut`; a run may begin
/// at any call, and then makes all that follow.
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

    /// What the denoiser is shown at call `i` in place of `x`: the same with unit variance.
    fn scale_input(&self, x: &Tensor, _i: usize) -> Result<Tensor> {
        Ok(x.clone())
    }

    /// From the denoiser's output at call `i`, and `x` before it, to `x` after it. Ancestral samplers draw from
    /// `noise`.
    fn step(&mut self, out: &Tensor, i: usize, x: &Tensor, noise: &mut Noise) -> Result<Tensor>;
}

/// The samplers of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampler {
    Ddim,
    Euler,
    EulerAncestral,
    Dpm,
    Pndm,
    Lms,
}

impl Sampler {
    pub const ALL: [Sampler; 6] =
        [Sampler::Ddim, Sampler::Euler, Sampler::EulerAncestral, Sampler::Dpm, Sampler::Pndm, Sampler::Lms];

    /// In the API.
    pub fn name(self) -> &'static str {
        match self {
            Sampler::Ddim => "DDIM",
            Sampler::Euler => "K_EULER",
            Sampler::EulerAncestral => "K_EULER_ANCESTRAL",
            Sampler::Dpm => "DPMSolverMultistep",
            Sampler::Pndm => "PNDM",
            Sampler::Lms => "KLMS",
        }
    }

    /// The reference's, as model files name it.
    fn class(self) -> &'static str {
        match self {
            Sampler::Ddim => "DDIMScheduler",
            Sampler::Euler => "EulerDiscreteScheduler",
            Sampler::EulerAncestral => "EulerAncestralDiscreteScheduler",
            Sampler::Dpm => "DPMSolverMultistepScheduler",
            Sampler::Pndm => "PNDMScheduler",
            Sampler::Lms => "LMSDiscreteScheduler",
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
        let run: std::result::Result<Box<dyn Scheduler>, DrawError> = match self {
            Sampler::Ddim => Ddim::new(schedule, steps).map(|run| Box::new(run) as _),
            Sampler::Euler => Euler::new(schedule, steps).map(|run| Box::new(run) as _),
            Sampler::EulerAncestral => EulerAncestral::new(schedule, steps).map(|run| Box::new(run) as _),
            Sampler::Dpm => Dpm::new(schedule, steps).map(|run| Box::new(run) as _),
            Sampler::Pndm => Pndm::new(schedule, steps).map(|run| Box::new(run) as _),
            Sampler::Lms => Lms::new(schedule, steps).map(|run| Box::new(run) as _),
        };
        run.map_err(|e| e.at("scheduler"))
    }
}

//! What draws: a synchronous `Backend`, owned by one thread. The loop around it knows nothing of tensors.

mod candle;
mod fake;
mod job;
mod mask;
mod name;

pub use candle::CandleBackend;
pub use fake::FakeBackend;
pub use job::{DrawJob, Latents, Picture, Rgb, Sight, check};
pub use mask::Mask;
pub use name::model_name;

use std::path::PathBuf;

use crate::DrawError;

/// Said once before a picture's first step and once after each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// From 0.
    pub picture: usize,
    pub pictures: usize,
    /// Steps done of this picture.
    pub step: usize,
    pub steps: usize,
    /// A small picture of the latents so far, on the steps that the job asked for.
    pub preview: Option<Rgb>,
}

impl Progress {
    /// Of the whole job, 0 to 1.
    pub fn fraction(&self) -> f64 {
        let (done, all) = (self.picture * self.steps + self.step, self.pictures * self.steps);
        if all == 0 { 0.0 } else { done as f64 / all as f64 }
    }
}

/// The answer to progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    Continue,
    /// Stop before the next step; `draw` returns the code `canceled`.
    Cancel,
}

/// A model in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub path: PathBuf,
    /// Of its weights.
    pub bytes: u64,
}

pub trait Backend: Send {
    /// Loads the model of a job, which takes its time. `draw` does so too where it was not done before.
    fn prepare(&mut self, job: &DrawJob) -> Result<(), DrawError>;

    /// The models in memory, the one used last at the end.
    fn loaded(&self) -> Vec<Loaded>;

    /// Unloads models that do not fit any more since a training reserved memory.
    fn fit(&mut self) {}

    /// Draws all pictures of a job. Picture i has seed + i and is the same whatever `n` is.
    fn draw(&mut self, job: &DrawJob, events: &mut dyn FnMut(Progress) -> Control) -> Result<Vec<Picture>, DrawError>;
}

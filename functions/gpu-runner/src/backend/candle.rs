//! The backend that draws: keeps the last model loaded and hands jobs to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use candle_core::Device;

use super::{Backend, Control, DrawJob, Picture, Progress};
use crate::pipeline::Model;
use crate::{Code, DrawError};

pub struct CandleBackend {
    device: Device,
    loaded: Option<(PathBuf, Model)>,
}

impl CandleBackend {
    pub fn new(device: Device) -> Self {
        Self { device, loaded: None }
    }

    fn model(&mut self, path: &PathBuf) -> Result<&mut Model, DrawError> {
        if self.loaded.as_ref().is_none_or(|(loaded, _)| loaded != path) {
            // The old one goes first: two may not fit.
            self.loaded = None;
        }
        match &mut self.loaded {
            Some((_, model)) => Ok(model),
            empty => Ok(&mut empty.insert((path.clone(), Model::load(path, &self.device)?)).1),
        }
    }
}

impl Backend for CandleBackend {
    fn draw(&mut self, job: &DrawJob, events: &mut dyn FnMut(Progress) -> Control) -> Result<Vec<Picture>, DrawError> {
        let sampler = job.check()?;
        // A panic below is a defect, but it must cost one job and not the runner.
        let drawn = catch_unwind(AssertUnwindSafe(|| self.model(&job.model)?.draw(job, sampler, events)));
        drawn.unwrap_or_else(|_| {
            self.loaded = None;
            Err(DrawError::new(Code::Internal, "the backend panicked"))
        })
    }
}

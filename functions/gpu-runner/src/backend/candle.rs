//! The backend that draws: keeps the last model loaded and hands jobs to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use candle_core::Device;

use super::{Backend, Control, DrawJob, Picture, Progress};
use crate::pipeline::Model;
use crate::{Code, DrawError};

pub struct CandleBackend {
    device: Device,
    tokenizer: Option<PathBuf>,
    loaded: Option<(PathBuf, Model)>,
}

impl CandleBackend {
    pub fn new(device: Device) -> Self {
        Self { device, tokenizer: None, loaded: None }
    }

    /// With a directory that has the vocabulary for models in one file.
    pub fn with_tokenizer(self, tokenizer: Option<PathBuf>) -> Self {
        Self { tokenizer, ..self }
    }

    fn model(&mut self, path: &PathBuf) -> Result<&mut Model, DrawError> {
        if self.loaded.as_ref().is_none_or(|(loaded, _)| loaded != path) {
            // The old one goes first: two may not fit.
            self.loaded = None;
        }
        match &mut self.loaded {
            Some((_, model)) => Ok(model),
            empty => {
                let model = Model::load_with(path, self.tokenizer.as_deref(), &self.device)?;
                Ok(&mut empty.insert((path.clone(), model)).1)
            }
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

//! The backend that draws: keeps models loaded as far as memory goes, and hands jobs to them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use super::{Backend, Control, DrawJob, Loaded, Picture, Progress};
use crate::cache::Cache;
use crate::device::Compute;
use crate::memory_budget::MemoryBudget;
use crate::pipeline::{Model, memory};
use crate::schedulers::Sampler;
use crate::{Code, DrawError};

pub struct CandleBackend {
    on: Compute,
    tokenizer: Option<PathBuf>,
    models: Cache<PathBuf, Model>,
}

impl CandleBackend {
    /// In single precision where nothing else is said.
    pub fn new(on: impl Into<Compute>) -> Self {
        Self { on: on.into(), tokenizer: None, models: Cache::new(None) }
    }

    /// With a directory that has the vocabulary for models in one file.
    pub fn with_tokenizer(self, tokenizer: Option<PathBuf>) -> Self {
        Self { tokenizer, ..self }
    }

    /// With so many bytes for models and what they draw: several models stay loaded, and what can't fit is refused.
    /// Otherwise the last model stays.
    pub fn with_memory(self, budget: impl Into<MemoryBudget>) -> Self {
        Self { models: Cache::new(budget), ..self }
    }

    fn try_draw(
        &mut self,
        job: &DrawJob,
        sampler: Sampler,
        events: &mut dyn FnMut(Progress) -> Control,
    ) -> Result<Vec<Picture>, DrawError> {
        let takes = self.model(&job.model)?.takes(job)?;
        if !self.models.make_room_beside_last(takes) {
            return Err(too_large("what the job asks for", takes));
        }
        self.model(&job.model)?.draw(job, sampler, events)
    }

    fn model(&mut self, path: &PathBuf) -> Result<&mut Model, DrawError> {
        if self.models.get(path).is_none() {
            // Others go first: two may not fit.
            let bytes = memory::weights(path, self.on.dtype)?;
            if !self.models.make_room(bytes) {
                return Err(too_large("the model", bytes));
            }
            let model = Model::load_with(path, self.tokenizer.as_deref(), self.on.clone())?;
            self.models.insert(path.clone(), bytes, model);
        }
        self.models.get(path).ok_or_else(|| DrawError::new(Code::Internal, "a model was lost"))
    }
}

fn too_large(what: &str, bytes: u64) -> DrawError {
    DrawError::new(Code::OutOfMemory, format!("{what} takes {} MiB or more, which do not fit", bytes >> 20))
}

impl Backend for CandleBackend {
    fn prepare(&mut self, job: &DrawJob) -> Result<(), DrawError> {
        job.check()?;
        let loaded = catch_unwind(AssertUnwindSafe(|| self.model(&job.model).map(drop)));
        loaded.unwrap_or_else(|_| Err(DrawError::new(Code::Internal, "the backend panicked")))
    }

    fn loaded(&self) -> Vec<Loaded> {
        self.models.entries().map(|(path, bytes)| Loaded { path: path.clone(), bytes }).collect()
    }

    fn fit(&mut self) {
        self.models.fit();
    }

    fn draw(&mut self, job: &DrawJob, events: &mut dyn FnMut(Progress) -> Control) -> Result<Vec<Picture>, DrawError> {
        let sampler = job.check()?;
        // A panic below is a defect, but it must cost one job and not the runner.
        let drawn = catch_unwind(AssertUnwindSafe(|| self.try_draw(job, sampler, events)));
        drawn.unwrap_or_else(|_| {
            self.models.remove(&job.model);
            Err(DrawError::new(Code::Internal, "the backend panicked"))
        })
    }
}

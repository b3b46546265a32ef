//! Pictures that show what was learnt so far: from the same prompts and seeds each time, drawn as anybody would draw
//! with the result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use protocol::runner::DrawParams;

use super::export::{About, Learning, result};
use super::{Kind, Overlay, Plan};
use crate::backend::{Control, DrawJob, check};
use crate::pipeline::{Model, Parts};
use crate::{Code, DrawError};

/// What to draw. Picture i of prompt p has seed `seed`, whatever p is.
#[derive(Clone, Debug)]
pub struct Samples {
    pub prompts: Vec<String>,
    pub width: u32,
    pub height: u32,
    pub steps: u32,
    pub guidance: f64,
    pub seed: u32,
}

/// Draws them, and keeps the model loaded that results other than checkpoints are applied to.
pub struct Sampler<'a> {
    samples: &'a Samples,
    plan: &'a Plan,
    model: (&'a Path, &'a dyn Parts),
    about: &'a About<'a>,
    /// Where files are written on the way and pictures stay.
    dir: &'a Path,
    device: Device,
    loaded: Option<Model>,
}

impl<'a> Sampler<'a> {
    /// Errors: `request_invalid` for what can't be drawn, before anything is learnt.
    pub fn new(
        samples: &'a Samples,
        plan: &'a Plan,
        model: (&'a Path, &'a dyn Parts),
        about: &'a About<'a>,
        dir: &'a Path,
        device: &Device,
    ) -> Result<Self, DrawError> {
        let sampler = Self { samples, plan, model, about, dir, device: device.clone(), loaded: None };
        samples.prompts.iter().try_for_each(|prompt| check(&sampler.params(prompt)).map(|_| ()))?;
        Ok(sampler)
    }

    /// `{dir}/{step}-{prompt's number}.png`. Errors: those of drawing; `state_failed` where they can't be written.
    pub fn draw(&mut self, step: usize, learned: BTreeMap<String, Tensor>) -> Result<Vec<PathBuf>, DrawError> {
        self.draw_while(step, learned, &mut || Control::Continue)
    }

    /// Draws as `draw` does, and asks `control` before each denoising step.
    ///
    /// # Errors
    ///
    /// Those of `draw`, and `canceled` where `control` says so.
    pub fn draw_while(
        &mut self,
        step: usize,
        learned: BTreeMap<String, Tensor>,
        control: &mut dyn FnMut() -> Control,
    ) -> Result<Vec<PathBuf>, DrawError> {
        let mut job = DrawJob::new(self.model.0.to_path_buf(), self.params(""));
        let mut model = match &self.plan.kind {
            Kind::Checkpoint(_) => Model::assemble(&Overlay { parts: self.model.1, learned }, &self.device)?,
            kind => {
                let file = self.dir.join(format!("{step}.safetensors"));
                let learning = Learning { kind, model: self.model, learned };
                result(&file, learning, self.about, DType::F32)?;
                match kind {
                    Kind::Words { word, .. } => job.embeddings.push((file, Some(word.clone()))),
                    Kind::Hypernetwork(_) => job.hypernetworks.push((file, 1.0)),
                    _ => job.loras.push((file, 1.0)),
                }
                match self.loaded.take() {
                    Some(loaded) => loaded,
                    None => Model::assemble(self.model.1, &self.device)?,
                }
            }
        };
        let mut drawn = Vec::new();
        for (i, prompt) in self.samples.prompts.iter().enumerate() {
            job.params = self.params(prompt);
            let sampler = job.check()?;
            for picture in model.draw(&job, sampler, &mut |_| control())? {
                let path = self.dir.join(format!("{step}-{i}.png"));
                let written = std::fs::write(&path, job.png(&picture)?);
                written.map_err(|e| DrawError::new(Code::StateFailed, e.to_string()).at(path.display()))?;
                drawn.push(path);
            }
        }
        if !matches!(self.plan.kind, Kind::Checkpoint(_)) {
            self.loaded = Some(model);
        }
        let files = job.loras.iter().chain(&job.hypernetworks).map(|(file, _)| file);
        for file in files.chain(job.embeddings.iter().map(|(file, _)| file)) {
            // What is left lies beside the state, and goes with it.
            std::fs::remove_file(file).ok();
        }
        Ok(drawn)
    }

    fn params(&self, prompt: &str) -> DrawParams {
        let samples = self.samples;
        DrawParams {
            prompt: prompt.to_string(),
            negative_prompt: String::new(),
            width: samples.width,
            height: samples.height,
            num_inference_steps: samples.steps,
            guidance_scale: samples.guidance,
            scheduler: "DDIM".into(),
            seed: samples.seed,
            n: 1,
            from_images: Vec::new(),
            strength: None,
            mask: None,
            auto_aspect: false,
            loras: Vec::new(),
            model: None,
        }
    }
}

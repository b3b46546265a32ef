//! A model, asked for pictures as anybody would ask it: prompts through the runner's own pipeline.

use std::path::PathBuf;

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Rgb};
use gpu_runner::cli::model::{locate, user_cache};
use serde_json::json;

/// What is drawn with, and how.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// As for `gpu-runner generate` [default: the one that comes with it]
    #[arg(long, default_value = gpu_runner::starter::NAME, hide_default_value = true)]
    pub model: String,
    #[arg(long, default_value_t = 20)]
    pub steps: u32,
    #[arg(long, default_value_t = 4.0)]
    pub guidance: f64,
    #[arg(long, default_value = "DDIM")]
    pub scheduler: String,
    /// Of a picture, in pixels
    #[arg(long, default_value_t = crate::draw::SIDE)]
    pub side: u32,
    /// Of the first picture; the next ones have the next numbers
    #[arg(long, default_value_t = 0)]
    pub seed: u32,
}

pub struct Model {
    path: PathBuf,
    options: Options,
    backend: CandleBackend,
}

impl Model {
    pub fn new(options: Options) -> Result<Self> {
        let path = locate(&options.model, &user_cache())?;
        Ok(Self { path, options, backend: CandleBackend::new(Device::Cpu) })
    }

    /// Picture `index` of a run. Loads the model at the first one.
    pub fn draw(&mut self, prompt: &str, index: usize) -> Result<Rgb> {
        let Options { steps, guidance, scheduler, side, seed, .. } = &self.options;
        let seed = u64::from(*seed) + index as u64;
        let params = json!({
            "prompt": prompt, "negative_prompt": "", "width": side, "height": side, "num_inference_steps": steps,
            "guidance_scale": guidance, "scheduler": scheduler, "seed": seed, "n": 1,
        });
        let job = DrawJob::new(self.path.clone(), serde_json::from_value(params)?);
        let pictures = self.backend.draw(&job, &mut |_| Control::Continue)?;
        Ok(pictures.into_iter().next().context("the backend drew nothing")?.rgb)
    }
}

//! The fixtures, and jobs as their runs were.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use gpu_runner::DrawError;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Latents};
use gpu_runner::pipeline::Model;
use serde_json::json;

use crate::on::{bound, on};

/// Of a whole run, relative to the largest value.
pub const RUN: f32 = 1e-4;

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A model, the files for it, and the ends of the reference's runs.
pub struct Fixture {
    pub model: PathBuf,
    dir: PathBuf,
    ends: HashMap<String, Tensor>,
    backend: CandleBackend,
}

impl Fixture {
    pub fn open(layout: &str) -> Self {
        let (model, dir) = (fixtures().join(layout), fixtures().join("adapters").join(layout));
        let ends = candle_core::safetensors::load(dir.join("reference.safetensors"), &Device::Cpu).unwrap();
        Self { model, dir, ends, backend: CandleBackend::new(on()) }
    }

    /// The model, without the backend.
    pub fn loaded(&self) -> Model {
        Model::load(&self.model, on()).unwrap()
    }

    /// From now on with so many bytes.
    pub fn budget(&mut self, bytes: u64) {
        self.backend = CandleBackend::new(on()).with_memory(Some(bytes));
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.safetensors"))
    }

    pub fn job(&self) -> DrawJob {
        let params = serde_json::from_value(json!({
            "prompt": "a watercolour fox in the snow, golden hour", "negative_prompt": "blurry",
            "width": 72, "height": 64, "num_inference_steps": 7, "guidance_scale": 6.0, "scheduler": "DDIM",
            "seed": 0, "n": 1,
        }));
        let mut job = DrawJob::new(self.model.clone(), params.unwrap());
        job.init_latents =
            Some(Latents { shape: [1, 4, 8, 9], values: self.ends["noise"].flatten_all().unwrap().to_vec1().unwrap() });
        job.keep_latents = true;
        job
    }

    /// On one model that stays loaded.
    pub fn draw(&mut self, job: &DrawJob) -> Result<Vec<f32>, DrawError> {
        let pictures = self.backend.draw(job, &mut |_| Control::Continue)?;
        Ok(pictures[0].latents.as_ref().unwrap().values.clone())
    }

    pub fn drawn(&mut self, change: impl FnOnce(&Self, &mut DrawJob)) -> Vec<f32> {
        let mut job = self.job();
        change(self, &mut job);
        self.draw(&job).unwrap()
    }

    /// Asserts that the job ends where the reference's run of this name did.
    pub fn compare(&mut self, name: &str, change: impl FnOnce(&Self, &mut DrawJob)) {
        let seen = self.drawn(change);
        let expected: Vec<f32> = self.ends[name].flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(seen.len(), expected.len());
        let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
        let away = seen.iter().zip(&expected).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest;
        println!("{name}: {away:.2e}");
        assert!(away <= bound(RUN), "{name} differs by {away:e}");
    }
}

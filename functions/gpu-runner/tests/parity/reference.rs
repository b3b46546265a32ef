//! The fixtures and the comparison.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Tensor};
use gpu_runner::models::config::Config;

use crate::on::{bound as allowed, on};

pub const LAYOUTS: [&str; 2] = ["sd15", "sd2"];
/// Of one module.
pub const MODULE: f32 = 1e-5;
/// Of a whole run of the sampler.
pub const RUN: f32 = 1e-4;

pub struct Reference {
    pub dir: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl Reference {
    pub fn open(layout: &str) -> Self {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(layout);
        let tensors = candle_core::safetensors::load(dir.join("reference.safetensors"), &on().device).unwrap();
        Self { dir, tensors }
    }

    /// With the tensors of another file of the layout beside its own.
    pub fn open_with(layout: &str, file: &str) -> Self {
        let mut reference = Self::open(layout);
        let more = candle_core::safetensors::load(reference.dir.join(file), &on().device).unwrap();
        reference.tensors.extend(more);
        reference
    }

    pub fn tensor(&self, name: &str) -> &Tensor {
        &self.tensors[name]
    }

    pub fn config(&self, part: &str) -> Config {
        Config::read(&self.dir.join(part).join("config.json")).unwrap()
    }

    /// Asserts that `seen` is the tensor `name` within `bound` of its largest value, which is for single precision;
    /// prints the difference.
    pub fn compare(&self, name: &str, seen: &Tensor, bound: f32) {
        let expected = self.tensor(name);
        assert_eq!(expected.dims(), seen.dims(), "{name}");
        let largest =
            |t: &Tensor| t.to_dtype(DType::F32).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        let seen = seen.to_device(expected.device()).unwrap().to_dtype(expected.dtype()).unwrap();
        let difference = largest(&(expected - seen).unwrap()) / largest(expected);
        println!("{} {name}: {difference:.2e}", self.dir.file_name().unwrap().display());
        assert!(difference <= allowed(bound), "{}: {name} differs by {difference:e}", self.dir.display());
    }
}

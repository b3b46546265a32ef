//! The lists of `fixtures/checkpoints`, and models with random weights made from them in both layouts.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use gpu_runner::noise::Noise;
use serde::Deserialize;
use serde_json::{Value, json};

pub const FAMILIES: [&str; 4] = ["sd1", "sd2", "sdxl", "refiner"];

#[derive(Deserialize)]
pub struct Family {
    pub prediction: String,
    pub configs: HashMap<String, Value>,
    pub tensors: Vec<Entry>,
}

/// A tensor of the file, and which ones of the diffusers layout it is.
#[derive(Deserialize)]
pub struct Entry(pub String, pub Vec<usize>, #[serde(default)] pub Vec<Use>);

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Use {
    Rows(String, String, (usize, usize)),
    Transposed(String, String, String),
    Whole(String, String),
}

pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

impl Family {
    pub fn read(name: &str) -> Self {
        serde_json::from_slice(&fs::read(fixtures().join(format!("checkpoints/{name}.json"))).unwrap()).unwrap()
    }

    /// Whether a level of the denoiser's has attention; from the largest picture.
    pub fn attends(&self, level: usize) -> bool {
        self.configs["unet"]["down_block_types"][level] == "CrossAttnDownBlock2D"
    }

    /// Whether it goes over pictures, and draws none from text alone.
    pub fn refines(&self) -> bool {
        !self.configs.contains_key("text_encoder")
    }

    /// A value for every tensor of the file; by name, so that the order does not matter.
    pub fn random(&self) -> HashMap<String, Tensor> {
        let of = |Entry(name, shape, _): &Entry| {
            let seed = name.bytes().fold(7, |seed: u64, b| seed.wrapping_mul(31).wrapping_add(u64::from(b)));
            let noise = Noise::new(seed).tensor(shape, DType::F32, &Device::Cpu).unwrap();
            let norm = shape.len() == 1 && name.ends_with("weight");
            let inputs: usize = shape.iter().skip(1).product();
            let tensor = match shape.len() {
                0 | 1 => (noise * 0.1).unwrap() + if norm { 1.0 } else { 0.0 },
                _ => noise * (1.0 / inputs as f64).sqrt(),
            };
            (name.clone(), tensor.unwrap())
        };
        self.tensors.iter().map(of).collect()
    }

    /// The same model as a directory.
    pub fn write_directory(&self, file: &HashMap<String, Tensor>, dir: &Path) {
        let mut parts: HashMap<String, HashMap<String, Tensor>> = HashMap::new();
        for Entry(name, _, uses) in &self.tensors {
            for used in uses {
                let tensor = &file[name];
                let (part, name, tensor) = match used {
                    Use::Whole(part, name) => (part, name, tensor.clone()),
                    Use::Transposed(part, name, how) => {
                        assert_eq!(how, "t");
                        (part, name, tensor.t().unwrap().contiguous().unwrap())
                    }
                    Use::Rows(part, name, (i, n)) => {
                        let rows = tensor.dim(0).unwrap() / n;
                        (part, name, tensor.narrow(0, i * rows, rows).unwrap().contiguous().unwrap())
                    }
                };
                // Linear layers are convolutions of one pixel in the file.
                let tensor = match tensor.dims() {
                    [a, b, 1, 1] if part == "vae" && name.contains("attentions") => tensor.reshape((*a, *b)).unwrap(),
                    _ => tensor,
                };
                parts.entry(part.clone()).or_default().insert(name.clone(), tensor);
            }
        }
        for (part, tensors) in &parts {
            fs::create_dir_all(dir.join(part)).unwrap();
            let stem = if part.starts_with("text") { "model" } else { "diffusion_pytorch_model" };
            candle_core::safetensors::save(tensors, dir.join(part).join(format!("{stem}.safetensors"))).unwrap();
            fs::write(dir.join(part).join("config.json"), self.configs[part].to_string()).unwrap();
        }
        let mut index = json!({
            "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        });
        if parts.contains_key("text_encoder") {
            index["text_encoder"] = json!(["transformers", "CLIPTextModel"]);
        }
        if parts.contains_key("text_encoder_2") {
            index["_class_name"] = json!("StableDiffusionXLPipeline");
            index["text_encoder_2"] = json!(["transformers", "CLIPTextModelWithProjection"]);
        }
        if self.refines() {
            index["requires_aesthetics_score"] = json!(true);
            index["force_zeros_for_empty_prompt"] = json!(false);
        }
        fs::write(dir.join("model_index.json"), index.to_string()).unwrap();
        let scheduler = json!({
            "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
            "clip_sample": false, "prediction_type": self.prediction, "set_alpha_to_one": false, "steps_offset": 1,
        });
        fs::create_dir_all(dir.join("scheduler")).unwrap();
        fs::write(dir.join("scheduler/scheduler_config.json"), scheduler.to_string()).unwrap();
        // OpenCLIP's encoders are fed another word after the end.
        let first = if self.configs.get("text_encoder").is_some_and(|text| text["hidden_act"] == "gelu") {
            "tokenizer_2"
        } else {
            "tokenizer"
        };
        copy(&fixtures().join("sdxl").join(first), &dir.join("tokenizer"));
        copy(&fixtures().join("sdxl/tokenizer_2"), &dir.join("tokenizer_2"));
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

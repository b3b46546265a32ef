//! Files of the published sizes: headers as they are, and nothing behind them.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use gpu_runner::checkpoint::Checkpoint;
use gpu_runner::models::clip::{Projection, TextConfig, TextEncoder};
use gpu_runner::models::unet::{Unet, UnetConfig};
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::pipeline::Parts;
use serde_json::{Map, Value, json};

use crate::family::{FAMILIES, Family};

/// A file with holes where its gigabytes would be.
pub fn sparse(family: &Family, metadata: Value, path: &Path) {
    let (mut header, mut end) = (Map::new(), 0);
    header.insert("__metadata__".into(), metadata);
    for entry in &family.tensors {
        let start = end;
        end += 2 * entry.1.iter().product::<usize>() as u64;
        header.insert(entry.0.clone(), json!({"dtype": "F16", "shape": entry.1, "data_offsets": [start, end]}));
    }
    let header = Value::Object(header).to_string();
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + end).unwrap();
}

/// Gives zeros, of any shape, for what the file has.
struct Hollow(Box<dyn SimpleBackend>);

impl SimpleBackend for Hollow {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        if !self.0.contains_tensor(name) {
            return Err(Error::CannotFindTensor { path: name.into() });
        }
        Tensor::zeros(shape, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.0.get_unchecked(name, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains_tensor(name)
    }
}

/// A number for all levels, or one for each.
fn per_level(value: &Value, levels: usize) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone(); levels])
}

#[test]
fn published_files_are_understood() {
    for name in FAMILIES {
        let family = Family::read(&format!("{name}-full"));
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("model.safetensors");
        sparse(&family, json!({"format": "pt"}), &path);
        let checkpoint = Checkpoint::open(&path, None).unwrap();
        for (part, expected) in &family.configs {
            let config = checkpoint.config(part).unwrap();
            for (key, expected) in expected.as_object().unwrap() {
                // What a network without a projection would project to is of no interest.
                if key == "projection_dim" && part == "text_encoder" {
                    continue;
                }
                let Some(seen) = config.get(key) else {
                    assert!(["in_channels", "out_channels"].contains(&key.as_str()), "{name} {part}: {key}");
                    continue;
                };
                let levels = expected.as_array().or(seen.as_array()).map_or(1, Vec::len);
                let (mut seen, mut expected) = (per_level(seen, levels), per_level(expected, levels));
                if key == "transformer_layers_per_block" {
                    // Where a level does not attend nothing is told of it, but by the middle of the last one.
                    let attends = |level: usize| level + 1 == levels || family.attends(level);
                    let mut level = 0..levels;
                    seen.retain(|_| attends(level.next().unwrap()));
                    let mut level = 0..levels;
                    expected.retain(|_| attends(level.next().unwrap()));
                }
                assert_eq!(seen, expected, "{name} {part}: {key}");
            }
        }
        let scheduler = checkpoint.config("scheduler").unwrap();
        assert_eq!(scheduler.get("prediction_type").unwrap(), family.prediction.as_str(), "{name}");

        // Every layer that these configurations call for has its tensors; of the width that is quickest.
        let hollow = |part: &str| {
            let source = Hollow(checkpoint.weights(part).unwrap());
            VarBuilder::from_backend(Box::new(source), DType::F32, Device::Cpu)
        };
        let config = |part: &str| checkpoint.config(part).unwrap();
        let mut unet = UnetConfig::checked(&config("unet")).unwrap();
        for level in &mut unet.down {
            (level.channels, level.heads, level.context) = (32, 1, 32);
        }
        Unet::load(&unet, hollow("unet")).unwrap();
        let mut vae = VaeConfig::checked(&config("vae")).unwrap();
        vae.block_out_channels.fill(32);
        assert!(Vae::load(&vae, hollow("vae")).unwrap().encodes());
        for part in family.configs.keys().filter(|part| part.starts_with("text")) {
            let config = TextConfig::checked(&config(part)).unwrap();
            let config =
                TextConfig { hidden_size: 32, intermediate_size: 32, vocab_size: 3, num_attention_heads: 1, ..config };
            TextEncoder::load(&config, hollow(part)).unwrap();
            if part == "text_encoder_2" {
                Projection::load(&config, hollow(part)).unwrap();
            }
        }
    }
}

//! Networks whose weights are in several files.

#[path = "support/shards.rs"]
mod shards;
mod support;

use std::fs;
use std::path::Path;

use candle_core::{DType, Device};
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob};
use gpu_runner::pipeline::{Model, memory};
use gpu_runner::tiny::Layout;
use gpu_runner::{Code, DrawError};
use serde_json::{Value, json};
use shards::split;
use support::model;

const STEM: &str = "diffusion_pytorch_model";
const INDEX: &str = "unet/diffusion_pytorch_model.safetensors.index.json";
const FIRST: &str = "unet/diffusion_pytorch_model-00001-of-00003.safetensors";

fn draw(dir: &Path) -> Vec<u8> {
    let params = json!({
        "prompt": "fox", "negative_prompt": "", "width": 64, "height": 64, "num_inference_steps": 2,
        "guidance_scale": 7.5, "scheduler": "DDIM", "seed": 1, "n": 1,
    });
    let job = DrawJob::new(dir.to_path_buf(), serde_json::from_value(params).unwrap());
    let mut drawn = CandleBackend::new(Device::Cpu).draw(&job, &mut |_| Control::Continue).unwrap();
    drawn.remove(0).rgb.bytes
}

#[test]
fn several_files_draw_what_one_draws() {
    let dir = model(Layout::Sdxl);
    let (expected, bytes) = (draw(dir.path()), memory::weights(dir.path(), DType::F32).unwrap());
    split(&dir.path().join("unet"), STEM, 3);
    split(&dir.path().join("vae"), STEM, 1);
    split(&dir.path().join("text_encoder"), "model", 2);
    assert!(draw(dir.path()) == expected);
    assert_eq!(memory::weights(dir.path(), DType::F32).unwrap(), bytes);
    // As diffusers names that of a variant.
    fs::rename(dir.path().join(INDEX), dir.path().join(INDEX.replace(".json", ".fp16.json"))).unwrap();
    assert!(draw(dir.path()) == expected);
}

fn refusal(dir: &Path) -> DrawError {
    let error = Model::load(dir, &Device::Cpu).map(|_| ()).unwrap_err();
    assert!(error.message.contains("unet"), "{error}");
    error
}

#[test]
fn an_index_that_lies_is_refused() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    split(&dir.join("unet"), STEM, 3);
    let path = dir.join(INDEX);
    let original = fs::read_to_string(&path).unwrap();
    let refused = |index: &str, why: &str| {
        fs::write(&path, index).unwrap();
        let error = refusal(dir);
        assert_eq!(error.code, Code::WeightsInvalid, "{error}");
        assert!(error.message.contains(why), "{why}: {error}");
    };
    // What it names is there, and is no file beside the index.
    fs::copy(dir.join(FIRST), dir.join("outside.safetensors")).unwrap();
    let absolute = dir.join("outside.safetensors").display().to_string();
    for name in
        ["../outside.safetensors", &absolute, "..", "", ".safetensors", "a\\b.safetensors", "x.bin", "x\0.safetensors"]
    {
        let mut index: Value = serde_json::from_str(&original).unwrap();
        index["weight_map"]["conv_in.bias"] = json!(name);
        refused(&index.to_string(), "no name of a safetensors file");
    }
    let map = |map: &str| format!(r#"{{"weight_map":{map}}}"#);
    refused("{}", "weight_map");
    refused("[", "EOF");
    refused(&map("[]"), "files by the names");
    refused(&map("{}"), "no tensors");
    refused(&map(r#"{"conv_in.bias":7}"#), "string");
    let many: serde_json::Map<String, Value> =
        (0..300).map(|i| (i.to_string(), json!(format!("{i}.safetensors")))).collect();
    refused(&map(&Value::from(many).to_string()), "300 files");
    let twice = original.replacen("\"weight_map\":{", "\"weight_map\":{\"conv_in.bias\":\"a.safetensors\",", 1);
    refused(&twice, "named twice");

    let mut index: Value = serde_json::from_str(&original).unwrap();
    index["weight_map"]["nothing.weight"] = index["weight_map"]["conv_in.bias"].clone();
    refused(&index.to_string(), "nothing.weight is not in");
    let mut index: Value = serde_json::from_str(&original).unwrap();
    index["weight_map"]["up_blocks.0.resnets.0.conv1.bias"] = index["weight_map"]["conv_in.bias"].clone();
    refused(&index.to_string(), "up_blocks.0.resnets.0.conv1.bias is not in");
    let mut index: Value = serde_json::from_str(&original).unwrap();
    fs::copy(dir.join(FIRST), dir.join("unet/again.safetensors")).unwrap();
    index["weight_map"]["conv_in.weight"] = json!("again.safetensors");
    refused(&index.to_string(), "is in again.safetensors and in");
    fs::write(&path, " ".repeat(33 << 20)).unwrap();
    assert_eq!(refusal(dir).code, Code::WeightsInvalid);

    fs::write(&path, &original).unwrap();
    fs::rename(dir.join(FIRST), dir.join("unet/elsewhere")).unwrap();
    let error = refusal(dir);
    assert_eq!(error.code, Code::ModelNotFound);
    assert!(error.message.contains("00001-of-00003"), "{error}");
    fs::rename(dir.join("unet/elsewhere"), dir.join(FIRST)).unwrap();
    let whole = fs::read(dir.join(FIRST)).unwrap();
    fs::write(dir.join(FIRST), &whole[..whole.len() - 1]).unwrap();
    assert_eq!(refusal(dir).code, Code::WeightsInvalid);
    fs::write(dir.join(FIRST), whole).unwrap();
    Model::load(dir, &Device::Cpu).map(|_| ()).unwrap();
}

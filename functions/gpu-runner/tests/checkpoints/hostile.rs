//! Files that are no model, or not quite: an error with a code, never a panic or a huge allocation.

use std::fs;

use candle_core::{DType, Device};
use gpu_runner::Code;
use gpu_runner::backend::{Backend, CandleBackend, Control};
use gpu_runner::checkpoint::Checkpoint;
use gpu_runner::noise::Noise;
use gpu_runner::pipeline::{Model, memory};
use serde_json::json;

use crate::family::{Entry, FAMILIES, Family, fixtures};
use crate::full::sparse;
use crate::same::job;

#[test]
fn what_is_no_model_is_called_by_its_name() {
    let dir = tempfile::TempDir::new().unwrap();
    let cases: [(&str, &[u8], Code, &str); 7] = [
        ("m.ckpt", b"PK\x03\x04", Code::ModelUnsupported, "PyTorch"),
        ("m.pt", b"", Code::ModelUnsupported, "PyTorch"),
        ("m.BIN", b"{}", Code::ModelUnsupported, "PyTorch"),
        ("renamed.safetensors", b"PK\x03\x04 and more", Code::ModelUnsupported, "PyTorch"),
        ("older.safetensors", b"\x80\x02}q\x00", Code::ModelUnsupported, "PyTorch"),
        ("text.safetensors", b"hello, I am a model", Code::WeightsInvalid, "header"),
        ("empty.safetensors", b"", Code::WeightsInvalid, "header"),
    ];
    for (name, bytes, code, word) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = Model::load(&path, &Device::Cpu).map(|_| ()).unwrap_err();
        assert_eq!(error.code, code, "{name}: {error}");
        assert!(error.message.contains(word) && error.message.contains(name), "{error}");
    }
    let kinds = [
        ("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", "LoRA"),
        ("down_blocks.0.resnets.0.conv1.weight", "directory"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "Stable Diffusion 3"),
        ("anything", "only Stable Diffusion"),
    ];
    for (tensor, word) in kinds {
        let family = Family {
            prediction: String::new(),
            configs: Default::default(),
            tensors: vec![Entry(tensor.into(), vec![4], vec![])],
        };
        let path = dir.path().join("m.safetensors");
        sparse(&family, json!({}), &path);
        let error = Checkpoint::open(&path, None).map(|_| ()).unwrap_err();
        assert_eq!(error.code, Code::ModelUnsupported);
        assert!(error.message.contains(word), "{error}");
    }
    let nowhere = Model::load(&dir.path().join("nowhere.safetensors"), &Device::Cpu).map(|_| ()).unwrap_err();
    assert_eq!(nowhere.code, Code::ModelNotFound);
}

/// Every file here lacks a tensor or has one of another shape: some are still a model of another size, none panics.
#[test]
fn no_change_of_a_header_makes_it_panic() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("m.safetensors");
    let tokenizer = fixtures().join("sdxl/tokenizer");
    let mut refused = 0;
    for name in FAMILIES {
        let mut noise = Noise::new(5);
        let mut pick = move |n: usize| (noise.normal().abs() * 1e6) as usize % n;
        for round in 0..60 {
            let mut family = Family::read(name);
            let at = pick(family.tensors.len());
            match round % 4 {
                0 => drop(family.tensors.remove(at)),
                1 => family.tensors[at].1.clear(),
                2 => family.tensors[at].1.reverse(),
                _ => family.tensors[at].1.iter_mut().for_each(|dim| *dim = *dim * 3 + 1),
            }
            let changed = family.tensors.get(at).map(|entry| entry.0.clone());
            sparse(&family, json!({}), &path);
            match Model::load_with(&path, Some(&tokenizer), &Device::Cpu) {
                Ok(_) => {}
                Err(e) => {
                    refused += 1;
                    let known =
                        [Code::WeightsMissing, Code::WeightsShape, Code::ModelConfigInvalid, Code::ModelUnsupported];
                    let known = known.contains(&e.code) || e.code == Code::TokenizerInvalid;
                    assert!(known, "{name} {changed:?}: {e}");
                }
            }
        }
    }
    assert!(refused > 60, "{refused}");
}

#[test]
fn dimensions_beyond_all_measure_are_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("m.safetensors");
    let mut family = Family::read("sdxl");
    // As many rows as fit in a file with holes, each of nothing.
    for entry in &mut family.tensors {
        if entry.0.contains("token_embedding") {
            entry.1 = vec![1 << 40, 0];
        }
    }
    sparse(&family, json!({}), &path);
    let error =
        Model::load_with(&path, Some(&fixtures().join("sdxl/tokenizer")), &Device::Cpu).map(|_| ()).unwrap_err();
    assert_eq!(error.code, Code::ModelConfigInvalid, "{error}");
}

/// More than any machine has, in a file that takes no room on the disk.
#[test]
fn what_does_not_fit_in_memory_is_not_begun() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("m.safetensors");
    let mut family = Family::read("sd1");
    family.tensors.push(Entry("model.diffusion_model.more.weight".into(), vec![1 << 20, 1 << 20], vec![]));
    sparse(&family, json!({}), &path);
    let mut backend = CandleBackend::new(Device::Cpu).with_memory(Some(1 << 40));
    let error = backend.draw(&job(&path), &mut |_| Control::Continue).unwrap_err();
    assert_eq!(error.code, Code::OutOfMemory, "{error}");
    // What is in a file and no part of the model does not count.
    assert!(memory::weights(&path, DType::F32).unwrap() > 4 << 40);
    family.tensors.last_mut().unwrap().0 = "model_ema.more".into();
    sparse(&family, json!({}), &path);
    assert!(memory::weights(&path, DType::F32).unwrap() < 16 << 20);
}

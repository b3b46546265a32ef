//! Whole models, written as one file and as a directory.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use gpu_runner::Code;
use gpu_runner::checkpoint::Checkpoint;
use gpu_runner::pipeline::{self, Parts};
use gpu_runner::train::Overlay;
use gpu_runner::train::export::{About, Base, checkpoint, directory};
use gpu_runner::weights::Weights;
use tempfile::TempDir;

use crate::family::{Entry, FAMILIES, Family, fixtures};

fn about(base: &Base) -> About<'_> {
    let facts = BTreeMap::from([("ss_max_train_steps".to_string(), "50".to_string())]);
    About { base, title: "fox".into(), resolution: 64, trigger: Some("sks".into()), facts }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The lists of names are those that the reference converts; bit for bit, also by another name of the same path.
#[test]
fn a_directory_becomes_the_file_that_it_came_from() {
    for name in FAMILIES {
        let family = Family::read(name);
        let dir = TempDir::new().unwrap();
        let (model, file) = (dir.path().join("model"), dir.path().join("one.safetensors"));
        let tensors = family.random();
        family.write_directory(&tensors, &model);
        let parts = pipeline::open(&model, None).unwrap();
        let base = Base::of(&model, &*parts).unwrap();
        assert_eq!(base.name, "model");
        checkpoint(&file, &*parts, &about(&base), DType::F32).unwrap();

        let written = Weights::read(&file).unwrap();
        // What no network of the directory has is not in it, but for the layer that readers leave out.
        let in_it = |Entry(name, _, uses): &&Entry| !uses.is_empty() || name.contains(".resblocks.");
        let mut expected: Vec<_> = family.tensors.iter().filter(in_it).collect();
        expected.sort_unstable_by_key(|Entry(name, ..)| name);
        let names: Vec<_> = expected.iter().map(|Entry(name, ..)| name.as_str()).collect();
        assert_eq!(written.names(), names, "{name}");
        for Entry(name, shape, uses) in expected {
            let seen = written.load(name, DType::F32, &Device::Cpu).unwrap();
            assert_eq!(seen.dims(), shape, "{name}");
            assert!(uses.is_empty() || numbers(&seen) == numbers(&tensors[name]), "{name}");
        }
        let told = written.metadata();
        let predicts = if family.prediction == "v_prediction" { "v" } else { "epsilon" };
        assert_eq!((told["modelspec.prediction_type"].as_str(), told["modelspec.title"].as_str()), (predicts, "fox"));
        assert_eq!((told["ss_max_train_steps"].as_str(), told["modelspec.resolution"].as_str()), ("50", "64x64"));
        let bytes = fs::read(&file).unwrap();
        checkpoint(&file, &*parts, &about(&base), DType::F32).unwrap();
        assert!(fs::read(&file).unwrap() == bytes);

        // And once more, from the file itself.
        let again = dir.path().join("two.safetensors");
        let parts = pipeline::open(&file, Some(&model)).unwrap();
        checkpoint(&again, &*parts, &about(&base), DType::F32).unwrap();
        assert!(fs::read(&again).unwrap() == bytes, "{name}");
    }
}

/// Other values in some places, in half precision; a schedule that ends in noise is told.
#[test]
fn what_was_learnt_takes_its_place() {
    let family = Family::read("sdxl");
    let dir = TempDir::new().unwrap();
    let (model, file) = (dir.path().join("model"), dir.path().join("one.safetensors"));
    let tensors = family.random();
    family.write_directory(&tensors, &model);
    let scheduler = model.join("scheduler/scheduler_config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&scheduler).unwrap()).unwrap();
    config["prediction_type"] = "v_prediction".into();
    config["rescale_betas_zero_snr"] = true.into();
    fs::write(&scheduler, config.to_string()).unwrap();

    let parts = pipeline::open(&model, None).unwrap();
    let base = Base::of(&model, &*parts).unwrap();
    let learned = |name: &str| {
        let shape = Weights::open(&model.join("text_encoder_2"), "model").unwrap().shape(name).unwrap().to_vec();
        (format!("text_encoder_2/{name}"), Tensor::full(0.25f32, shape, &Device::Cpu).unwrap())
    };
    let names = ["text_model.encoder.layers.1.self_attn.k_proj.weight", "text_projection.weight"];
    let over = Overlay { parts: &*parts, learned: names.map(learned).into() };
    for dtype in [DType::F16, DType::BF16] {
        checkpoint(&file, &over, &about(&base), dtype).unwrap();
        let written = Weights::read(&file).unwrap();
        let tensor = |name: &str| numbers(&written.load(name, DType::F32, &Device::Cpu).unwrap());
        let prefix = "conditioner.embedders.1.model.";
        let rows = tensor(&format!("{prefix}transformer.resblocks.1.attn.in_proj_weight"));
        let third = rows.len() / 3;
        assert!(rows[third..2 * third].iter().all(|v| *v == 0.25) && rows[..third].iter().any(|v| *v != 0.25));
        assert!(rows[2 * third..].iter().any(|v| *v != 0.25));
        assert!(tensor(&format!("{prefix}text_projection")).iter().all(|v| *v == 0.25));
        let kept = "model.diffusion_model.input_blocks.0.0.weight";
        let rounded: Vec<f32> = numbers(&tensors[kept].to_dtype(dtype).unwrap());
        assert_eq!(tensor(kept), rounded);

        let opened = Checkpoint::open(&file, None).unwrap().config("scheduler").unwrap();
        assert_eq!(opened.get("prediction_type").unwrap(), "v_prediction");
        assert_eq!(opened.get("rescale_betas_zero_snr").unwrap(), true);
    }
    // A number that half precision has not is not written down as infinite.
    let (name, tensor) = learned(names[1]);
    let over = Overlay { parts: &*parts, learned: [(name, (tensor * 1e6).unwrap())].into() };
    let before = fs::read(&file).unwrap();
    let error = checkpoint(&file, &over, &about(&base), DType::F16).unwrap_err();
    assert!(error.code == Code::TrainingDiverged && error.message.contains("text_projection"), "{error}");
    assert!(fs::read(&file).unwrap() == before);
}

#[test]
fn a_directory_is_written_with_all_that_belongs_to_it() {
    let dir = TempDir::new().unwrap();
    let (base, out) = (fixtures().join("sdxl"), dir.path().join("out"));
    let parts = pipeline::open(&base, None).unwrap();
    let learned = Tensor::full(0.5f32, 8, &Device::Cpu).unwrap();
    let over = Overlay { parts: &*parts, learned: [("unet/conv_in.bias".to_string(), learned)].into() };
    directory(&out, &base, &over, DType::F32).unwrap();

    let files = |part: &str| {
        let names = fs::read_dir(out.join(part)).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(files("unet"), ["config.json", "diffusion_pytorch_model.safetensors"]);
    assert_eq!(files("text_encoder_2"), ["config.json", "model.safetensors"]);
    assert_eq!(fs::read(out.join("model_index.json")).unwrap(), fs::read(base.join("model_index.json")).unwrap());
    assert!(files("tokenizer").len() >= 3 && out.join("scheduler/scheduler_config.json").is_file());

    pipeline::open(&out, None).unwrap();
    let load = |dir: &Path, part: &str| -> HashMap<String, Vec<f32>> {
        let stem = if part.starts_with("text") { "model" } else { "diffusion_pytorch_model" };
        let weights = Weights::open(&dir.join(part), stem).unwrap();
        let tensor = |name: &str| numbers(&weights.load(name, DType::F32, &Device::Cpu).unwrap());
        weights.names().into_iter().map(|name| (name.to_string(), tensor(name))).collect()
    };
    for part in ["text_encoder", "text_encoder_2", "unet", "vae"] {
        let (mut before, after) = (load(&base, part), load(&out, part));
        if part == "unet" {
            before.insert("conv_in.bias".into(), vec![0.5; 8]);
        }
        assert_eq!(after, before, "{part}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    // Nothing is written over.
    let error = directory(&out, &base, &over, DType::F32).unwrap_err();
    assert_eq!(error.code, Code::RequestInvalid);
    let error = directory(&dir.path().join("other"), &base.join("model_index.json"), &over, DType::F32).unwrap_err();
    assert_eq!(error.code, Code::RequestInvalid);
    fs::create_dir(dir.path().join("empty")).unwrap();
    directory(&dir.path().join("empty/"), &base, &over, DType::F16).unwrap();
    assert!(dir.path().join("empty/unet/diffusion_pytorch_model.safetensors").is_file());
}

//! Files that we write, as the reference draws with them: what it drew is in `fixtures/train`, with the hashes of the
//! files that it read. They are written here again, and must be the same.
//!
//!     TRAINING_FILES=DIR cargo test -p gpu-runner --test training    writes them to DIR
//!     VENV/bin/python fixtures/train.py DIR files                    draws with them

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use gpu_runner::adapters::Part;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Latents};
use gpu_runner::noise::Noise;
use gpu_runner::pipeline;
use gpu_runner::train::Overlay;
use gpu_runner::train::export::{
    About, Base, Factors, Structure, checkpoint, directory, embedding, hypernetwork, lora,
};
use gpu_runner::weights::Weights;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::family::fixtures;

pub const LAYOUTS: [&str; 3] = ["sd15", "sd2", "sdxl"];
/// Of a whole run, relative to the largest value.
const RUN: f32 = 1e-4;
const RANK: usize = 2;
pub const WORD: &str = "<fennec>";

pub fn random(name: &str, shape: &[usize], scale: f64) -> Tensor {
    let seed = name.bytes().fold(5, |seed: u64, b| seed.wrapping_mul(31).wrapping_add(u64::from(b)));
    (Noise::new(seed).tensor(shape, DType::F32, &Device::Cpu).unwrap() * scale).unwrap()
}

/// Names and shapes of the layers of a part that a LoRA is made for.
fn layers(model: &Path, part: &str) -> Vec<(String, Vec<usize>)> {
    let (stem, wanted): (_, &[&str]) = match part {
        "unet" => {
            // Of the convolutions, the reference does not find some by kohya's names: the first and the last.
            let wanted = &["to_q", "to_k", "to_out.0", "ff.net.0.proj", "proj_in", "resnets.0.conv1", "conv_shortcut"];
            ("diffusion_pytorch_model", wanted)
        }
        _ => ("model", &["q_proj", "out_proj", "fc1"]),
    };
    let weights = Weights::open(&model.join(part), stem).unwrap();
    let names = weights.names().into_iter().filter_map(|name| name.strip_suffix(".weight"));
    let names = names.filter(|name| wanted.iter().any(|end| name.ends_with(end)));
    names.map(|name| (name.to_string(), weights.shape(&format!("{name}.weight")).unwrap().to_vec())).collect()
}

fn write_lora(path: &Path, model: &Path, about: &About) {
    let parts = [("unet", Part::Unet), ("text_encoder", Part::Text(0)), ("text_encoder_2", Part::Text(1))];
    let mut made = Vec::new();
    for (name, part) in parts.into_iter().filter(|(name, _)| model.join(name).is_dir()) {
        for (layer, shape) in layers(model, name) {
            let inputs: usize = shape[1..].iter().product();
            let down = [&[RANK], &shape[1..]].concat();
            let down = random(&format!("{name}/{layer}/down"), &down, (inputs as f64).sqrt().recip());
            made.push((part, layer.clone(), down, random(&format!("{name}/{layer}/up"), &[shape[0], RANK], 0.3)));
        }
    }
    let factors: Vec<_> = made.iter().map(|(part, layer, down, up)| Factors { part: *part, layer, down, up }).collect();
    lora(path, &factors, 1.5, about, DType::F16).unwrap();
}

fn write_hypernetwork(path: &Path, widths: &[usize], about: &About) {
    let mut tensors = BTreeMap::new();
    for width in widths {
        for side in 0..2 {
            // Linear, activation, norm; linear, norm.
            for (i, shape) in
                [(0, vec![2 * width, *width]), (2, vec![2 * width]), (3, vec![*width, 2 * width]), (4, vec![*width])]
            {
                let name = format!("{width}.{side}.linear.{i}");
                let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
                let scale = if shape.len() == 2 { 0.7 / (shape[1] as f64).sqrt() } else { 0.6 };
                tensors.insert(bias.clone(), random(&bias, &shape[..1], 0.1));
                tensors.insert(weight.clone(), random(&weight, &shape, scale));
            }
        }
    }
    let structure = Structure { layers: &[1.0, 2.0, 1.0], activation: "relu", activate_output: false, norm: true };
    hypernetwork(path, &tensors, &structure, about, DType::F32).unwrap();
}

/// All files for one layout.
fn write(layout: &str, dir: &Path) {
    let model = fixtures().join(layout);
    let parts = pipeline::open(&model, None).unwrap();
    let base = Base::of(&model, &*parts).unwrap();
    let about = |trigger: Option<&str>| About {
        base: &base,
        title: "fennec".into(),
        resolution: 64,
        trigger: trigger.map(str::to_string),
        facts: BTreeMap::new(),
    };
    write_lora(&dir.join("lora.safetensors"), &model, &about(None));
    let encoders = parts.family().texts().iter().map(|(part, _)| *part);
    let vectors: Vec<_> = encoders
        .map(|part| {
            let width = parts.config(part).unwrap().get("hidden_size").unwrap().as_u64().unwrap() as usize;
            random(part, &[2, width], 0.5)
        })
        .collect();
    embedding(&dir.join("embedding.safetensors"), WORD, &vectors, &about(None), DType::F32).unwrap();
    if layout == "sd15" {
        write_hypernetwork(&dir.join("hypernetwork.safetensors"), &[32, 8, 16], &about(None));
    }
    let learned = [
        ("unet", "diffusion_pytorch_model", "conv_in.weight"),
        ("unet", "diffusion_pytorch_model", "up_blocks.0.resnets.0.conv2.weight"),
        ("text_encoder", "model", "text_model.encoder.layers.0.self_attn.k_proj.weight"),
    ];
    let learned = learned.map(|(part, stem, name)| {
        let shape = Weights::open(&model.join(part), stem).unwrap().shape(name).unwrap().to_vec();
        let inputs: usize = shape[1..].iter().product();
        (format!("{part}/{name}"), random(name, &shape, (inputs as f64).sqrt().recip()))
    });
    let over = Overlay { parts: &*parts, learned: learned.into() };
    checkpoint(&dir.join("model.safetensors"), &over, &about(None), DType::F32).unwrap();
    directory(&dir.join("model"), &model, &over, DType::F32).unwrap();
}

struct Reference {
    ends: HashMap<String, Tensor>,
    backend: CandleBackend,
}

impl Reference {
    fn compare(&mut self, layout: &str, name: &str, model: PathBuf, change: impl FnOnce(&mut DrawJob)) {
        let params = serde_json::from_value(json!({
            "prompt": "a watercolour fox in the snow, golden hour", "negative_prompt": "blurry",
            "width": 72, "height": 64, "num_inference_steps": 7, "guidance_scale": 6.0, "scheduler": "DDIM",
            "seed": 0, "n": 1,
        }));
        let mut job = DrawJob::new(model, params.unwrap());
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        job.init_latents = Some(Latents { shape: [1, 4, 8, 9], values: values(&self.ends["noise"]) });
        job.keep_latents = true;
        change(&mut job);
        let drawn = self.backend.draw(&job, &mut |_| Control::Continue).unwrap();
        let (seen, expected) = (&drawn[0].latents.as_ref().unwrap().values, values(&self.ends[name]));
        let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
        let away = seen.iter().zip(&expected).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest;
        println!("{layout} {name}: {away:.2e}");
        assert!(seen.len() == expected.len() && away <= RUN, "{layout} {name} differs by {away:e}");
    }
}

/// A file without what this program adds for itself, which diffusers passes over.
fn without_own_metadata(file: &[u8]) -> Vec<u8> {
    let (length, rest) = file.split_at(8);
    let (header, tensors) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    header["__metadata__"].as_object_mut().unwrap().retain(|key, _| !key.starts_with("easel."));
    let mut header = serde_json::to_vec(&header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes(), header.as_slice(), tensors].concat()
}

#[test]
fn files_are_what_the_reference_read_and_draw_what_it_drew() {
    let temporary = TempDir::new().unwrap();
    let asked = std::env::var_os("TRAINING_FILES").map(PathBuf::from);
    let dir = asked.as_deref().unwrap_or(temporary.path());
    for layout in LAYOUTS {
        let _ = fs::remove_dir_all(dir.join(layout));
        fs::create_dir_all(dir.join(layout)).unwrap();
        write(layout, &dir.join(layout));
    }
    if asked.is_some() {
        return;
    }
    let known = fs::read(fixtures().join("train/files.json")).unwrap();
    let known: BTreeMap<String, String> = serde_json::from_slice(&known).unwrap();
    for (name, hash) in &known {
        let file = fs::read(dir.join(name)).unwrap();
        let file = if LAYOUTS.iter().any(|layout| *name == format!("{layout}/model.safetensors")) {
            without_own_metadata(&file)
        } else {
            file
        };
        let seen: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&seen, hash, "{name} is not the file that the reference read");
    }
    for layout in LAYOUTS {
        let files = dir.join(layout);
        let ends = fixtures().join("train").join(format!("{layout}.safetensors"));
        let ends = candle_core::safetensors::load(ends, &Device::Cpu).unwrap();
        let mut reference = Reference { ends, backend: CandleBackend::new(Device::Cpu) };
        let own = || fixtures().join(layout);
        reference.compare(layout, "plain", own(), |_| {});
        reference.compare(layout, "lora", own(), |job| job.loras = vec![(files.join("lora.safetensors"), 0.8)]);
        reference.compare(layout, "embedding", own(), |job| {
            job.params.prompt = format!("a {WORD} fox");
            // In a file for two encoders no tensor is called as the word.
            let word = (layout == "sdxl").then(|| WORD.to_string());
            job.embeddings = vec![(files.join("embedding.safetensors"), word)];
        });
        if layout == "sd15" {
            reference.compare(layout, "hypernetwork", own(), |job| {
                job.hypernetworks = vec![(files.join("hypernetwork.safetensors"), 0.7)];
            });
        }
        // The reference read one file, and the directory as well. The file brings what its tensors do not tell.
        reference.compare(layout, "model", files.join("model"), |_| {});
        reference.compare(layout, "model", files.join("model.safetensors"), |_| {});
    }
}

//! Gradients of what changes a model, beside PyTorch's; those of whole networks are in `tests/parity`. The losses of
//! fifty steps of a LoRA are here as well, as they begin from the same file.
//!
//!     TRAINING_FILES=DIR cargo test -p gpu-runner --test training    writes to DIR what they begin as
//!     VENV/bin/python fixtures/train.py DIR gradients                goes on from there

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use gpu_runner::pipeline::{self, Parts};
use gpu_runner::train::export::{About, Base, Learning, result};
use gpu_runner::train::{Chain, Diffusion, Kind, Learner, Learns, Plan};

use crate::drawn::{LAYOUTS, WORD, random};
use crate::family::fixtures;
use crate::formulas::{BATCH, Formulas, Pictures, SEED};

/// Of a gradient's length and of its product with the parameter, relative to the length.
const GRADIENT: f64 = 1e-3;

/// Name in the fixture, layout, and what is learnt.
fn cases() -> Vec<(String, &'static str, Kind)> {
    let mut cases = Vec::new();
    for layout in LAYOUTS {
        cases.push(("lora", layout, lora(layout)));
        let chain =
            Chain { layers: vec![1.0, 2.0, 1.0], activation: "relu".into(), activate_output: false, norm: true };
        cases.push(("hypernetwork", layout, Kind::Hypernetwork(chain)));
        // The reference has no way to add a word to encoders that look for the largest id.
        if layout != "sdxl" {
            cases.push(("words", layout, Kind::Words { word: WORD.into(), vectors: 2, from: "fox".into() }));
        }
    }
    cases.into_iter().map(|(name, layout, kind)| (format!("{name}-{layout}"), layout, kind)).collect()
}

/// Of one layout through the convolutions as well.
pub fn lora(layout: &str) -> Kind {
    let learns = Learns { unet: true, text: true };
    Kind::Lora { rank: 2, alpha: 1.5, convolutions: layout == "sd15", learns }
}

fn plan(kind: Kind) -> Plan {
    Plan { batch: BATCH, caption_dropout: 0.15, prior_weight: 0.5, seed: SEED, ..Plan::new(kind, 50) }
}

/// Begins as the reference does: a LoRA's own beginning has half of its gradients zero.
pub fn begin(learner: &Diffusion) {
    for (name, var) in learner.parameters().all() {
        let inputs: usize = var.dims().iter().skip(1).product();
        let scale = if var.rank() > 1 { 0.5 / (inputs as f64).sqrt() } else { 0.3 };
        var.set(&random(&name, var.dims(), scale)).unwrap();
    }
}

fn write(dir: &std::path::Path, name: &str, layout: &str, parts: &dyn Parts, learner: &Diffusion, kind: &Kind) {
    let model = fixtures().join(layout);
    let base = Base::of(&model, parts).unwrap();
    let about = About { base: &base, title: name.into(), resolution: 64, trigger: None, facts: BTreeMap::new() };
    let learned = learner.parameters().all().into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect();
    fs::create_dir_all(dir.join("begin")).unwrap();
    let path = dir.join(format!("begin/{name}.safetensors"));
    result(&path, Learning { kind, model: (&model, parts), learned }, &about, DType::F32).unwrap();
}

#[test]
fn what_changes_a_model_begins_and_has_the_same_gradients() {
    let known: BTreeMap<String, BTreeMap<String, [f64; 2]>> = match fs::read(fixtures().join("train/gradients.json")) {
        Ok(text) => serde_json::from_slice(&text).unwrap(),
        Err(_) => BTreeMap::new(),
    };
    for (name, layout, kind) in cases() {
        let (plan, parts) = (plan(kind), pipeline::open(&fixtures().join(layout), None).unwrap());
        let pictures = Pictures { word: name.starts_with("words").then_some(WORD) };
        let learner = Diffusion::new(&plan, &*parts, &pictures, &Device::Cpu).unwrap().with_draws(Formulas);
        begin(&learner);
        if let Some(dir) = std::env::var_os("TRAINING_FILES").map(PathBuf::from) {
            write(&dir, &name, layout, &*parts, &learner, &plan.kind);
            continue;
        }
        let (_, gradients) = learner.learn(0).unwrap();
        let (mut worst, expected) = (0f64, &known[&name]);
        let parameters = learner.parameters().all();
        assert_eq!(parameters.len(), expected.len(), "{name}");
        for (parameter, var) in parameters {
            let gradient = gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("{name}: none for {parameter}"));
            let gradient = gradient.to_dtype(DType::F64).unwrap();
            let sum = |t: Tensor| t.sum_all().unwrap().to_scalar::<f64>().unwrap();
            let length = sum(gradient.sqr().unwrap()).sqrt();
            let value = var.as_detached_tensor().to_dtype(DType::F64).unwrap();
            let (product, size) = (sum((&gradient * &value).unwrap()), sum(value.sqr().unwrap()).sqrt());
            let [length_there, product_there] = expected[&parameter];
            // Some are zero but for rounding: nothing before a softmax moves with what all keys have in common.
            let scale = length_there.max(1e-6);
            let off = ((length - length_there) / scale).abs().max(((product - product_there) / (scale * size)).abs());
            assert!(off <= GRADIENT, "{name} {parameter}: {length} {product} for {length_there} {product_there}");
            worst = worst.max(off);
        }
        println!("{name}: gradients of {} parameters off by {worst:.2e}", expected.len());
    }
}

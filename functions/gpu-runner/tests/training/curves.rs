//! Fifty steps beside the same in PyTorch: pictures, captions, noise and times come from formulas that both know, the
//! batches from here, and the losses of the reference are in `fixtures/train/curves.json`.
//!
//!     TRAINING_FILES=DIR cargo test -p gpu-runner --test training    writes the batches to DIR
//!     VENV/bin/python fixtures/train.py DIR curves                   learns by them

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use candle_core::Device;
use gpu_runner::backend::Control;
use gpu_runner::pipeline;
use gpu_runner::train::data::Batches;
use gpu_runner::train::{Course, Diffusion, Kind, Learned, Learns, Plan, Progress, Rate, Shape, Weighting};
use serde::Deserialize;

use crate::family::fixtures;
use crate::formulas::{BATCH, Formulas, Pictures, SEED};
use crate::gradients;

const STEPS: usize = 50;
/// Begins as its gradients are taken.
const LORA: &str = "lora-sd15";
const CURVE: f64 = 1e-3;
/// Of text encoders, where all of them learns.
const TEXT_RATE: f64 = 0.25;

fn plan(kind: Kind, weighting: Weighting) -> Plan {
    let rate = Rate { peak: 1e-3, shape: Shape::Cosine, warm_up: 5 };
    let course = Course::new(STEPS, rate);
    Plan {
        course,
        batch: BATCH,
        weighting,
        caption_dropout: 0.15,
        prior_weight: 0.5,
        text_rate: if let Kind::Checkpoint(Learns { text: true, .. }) = kind { TEXT_RATE } else { 1.0 },
        seed: SEED,
        ..Plan::new(kind, STEPS)
    }
}

#[derive(Deserialize)]
struct Curve {
    batches: Vec<Vec<usize>>,
    losses: Vec<f64>,
}

/// Noise, under plain weighting.
#[test]
fn losses_of_a_checkpoint_are_the_references() {
    compare("sd15", Kind::Checkpoint(Learns { unet: true, text: true }), Weighting::Plain);
}

/// v to the end of its schedule, where nothing is left of the picture.
#[test]
fn losses_of_a_denoiser_for_v_are_the_references() {
    compare("sd2", Kind::Checkpoint(Learns { unet: true, text: false }), Weighting::MinSnr(5.0));
}

/// Through two text encoders, of one of which a layer has no effect.
#[test]
fn losses_of_sdxl_are_the_references() {
    compare("sdxl", Kind::Checkpoint(Learns { unet: true, text: true }), Weighting::MinSnr(5.0));
}

#[test]
fn losses_of_a_lora_are_the_references() {
    compare(LORA, gradients::lora("sd15"), Weighting::Plain);
}

fn compare(name: &str, kind: Kind, weighting: Weighting) {
    let pictures = Pictures::default();
    let mut batches = Batches::of(&pictures, BATCH, SEED);
    let batches: Vec<Vec<usize>> = (0..STEPS).map(|step| batches.at(step as u64).to_vec()).collect();
    if let Some(dir) = std::env::var_os("TRAINING_FILES").map(PathBuf::from) {
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("batches.json"), serde_json::to_string(&batches).unwrap()).unwrap();
        return;
    }
    let known = fs::read(fixtures().join("train/curves.json")).unwrap();
    let mut known: BTreeMap<String, Curve> = serde_json::from_slice(&known).unwrap();
    let expected = known.remove(name).unwrap();
    assert_eq!(expected.batches, batches, "{name}: batches that the reference did not learn by");

    let layout = name.rsplit('-').next().unwrap();
    let (plan, parts) = (plan(kind, weighting), pipeline::open(&fixtures().join(layout), None).unwrap());
    let learner = Diffusion::new(&plan, &*parts, &pictures, &Device::Cpu).unwrap().with_draws(Formulas);
    if name == LORA {
        gradients::begin(&learner);
    }
    let mut losses = Vec::new();
    let mut events = |progress: &Progress, _: &Learned| {
        losses.push(progress.loss);
        Ok(Control::Continue)
    };
    plan.course.run(&learner, None, &Device::Cpu, &mut events).unwrap();
    let off = |(seen, expected): (&f64, &f64)| (seen - expected).abs() / expected.abs();
    let worst = losses.iter().zip(&expected.losses).map(off).fold(0.0, f64::max);
    println!("{name} from {:.4} to {:.4}, off by {worst:.2e}", losses[0], losses[STEPS - 1]);
    assert!(losses.len() == expected.losses.len() && worst <= CURVE, "{name}: off by {worst:e}");
}

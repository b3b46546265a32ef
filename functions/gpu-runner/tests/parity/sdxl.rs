//! Stable Diffusion XL: two text encoders, conditioning beside the tokens. Made by `fixtures/sdxl.py`.

use std::path::Path;

use candle_core::DType;
use candle_nn::VarBuilder;
use gpu_runner::backend::DrawJob;
use gpu_runner::models::clip::{Projection, TextConfig, TextEncoder};
use gpu_runner::models::unet::{Added, Conditioning, Sight, Unet, UnetConfig};
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::weights::Weights;
use serde_json::json;

use crate::on::on;
use crate::reference::{MODULE, RUN, Reference};
use crate::run::{compare_bytes, draw_changed, from_picture, latents};

fn sdxl() -> Reference {
    Reference::open("sdxl")
}

fn weights(reference: &Reference, part: &str, stem: &str) -> VarBuilder<'static> {
    Weights::open(&reference.dir.join(part), stem).unwrap().into_builder(on().dtype, &on().device)
}

#[test]
fn both_text_encoders_are_the_same() {
    let reference = sdxl();
    for part in ["text", "text_2"] {
        let dir = part.replace("text", "text_encoder");
        let config = TextConfig::checked(&reference.config(&dir)).unwrap();
        let vb = weights(&reference, &dir, "model");
        let encoder = TextEncoder::load(&config, vb.clone()).unwrap();
        let ids = reference.tensor(&format!("{part}/ids")).to_dtype(DType::U32).unwrap();
        let hidden = encoder.hidden(&ids).unwrap();
        reference.compare(&format!("{part}/penultimate"), &hidden.penultimate, MODULE);
        if part == "text_2" {
            let whole = Projection::load(&config, vb).unwrap().forward(&ids, &hidden.last).unwrap();
            reference.compare("text_2/whole", &whole, MODULE);
            // The end by its number instead of as the largest.
            let config = TextConfig { eos_token_id: 526, ..config };
            let projection = Projection::load(&config, weights(&reference, &dir, "model")).unwrap();
            reference.compare("text_2/whole", &projection.forward(&ids, &hidden.last).unwrap(), MODULE);
            let first = TextConfig { eos_token_id: 400, ..config };
            let first = Projection::load(&first, weights(&reference, &dir, "model")).unwrap();
            let apart = (first.forward(&ids, &hidden.last).unwrap() - whole).unwrap().abs().unwrap();
            assert!(apart.to_dtype(DType::F32).unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() > 1e-2);
        }
    }
}

/// Two different texts, sizes and times at once.
#[test]
fn unet_is_the_same() {
    let reference = sdxl();
    let config = UnetConfig::checked(&reference.config("unet")).unwrap();
    let unet = Unet::load(&config, weights(&reference, "unet", "diffusion_pytorch_model")).unwrap();
    let added = Added { text: reference.tensor("unet/whole").clone(), sizes: reference.tensor("unet/sizes").clone() };
    let conditioning = Conditioning { text: reference.tensor("unet/context").clone(), added: Some(added) };
    let times = reference.tensor("unet/timesteps");
    for size in ["even", "odd"] {
        let sample = reference.tensor(&format!("unet/{size}/sample"));
        let out = unet.forward_with(sample, times, &conditioning, Sight::Alone).unwrap();
        reference.compare(&format!("unet/{size}/out"), &out, MODULE);
    }
    let sample = reference.tensor("unet/even/sample");
    assert!(unet.forward(sample, times, &conditioning.text).is_err(), "conditioning is missing");
}

#[test]
fn autoencoder_is_the_same() {
    let reference = sdxl();
    let config = VaeConfig::checked(&reference.config("vae")).unwrap();
    let vae = Vae::load(&config, weights(&reference, "vae", "diffusion_pytorch_model")).unwrap();
    reference.compare("run/pictures", &vae.decode(reference.tensor("run/DDIM")).unwrap(), MODULE);
}

fn compare(reference: &Reference, name: &str, change: impl Fn(&mut DrawJob)) {
    reference.compare(name, &latents(&draw_changed(reference, change)), RUN);
}

/// Twenty steps; also by the sampler of the model's own file.
#[test]
fn runs_end_the_same() {
    let reference = sdxl();
    let drawn = draw_changed(&reference, |_| {});
    reference.compare("run/DDIM", &latents(&drawn), RUN);
    compare_bytes(&reference, &drawn);
    compare(&reference, "run/K_EULER", |job| job.params.scheduler = "K_EULER".into());
    compare(&reference, "run/plain", |job| job.params.guidance_scale = 1.0);
}

/// No negative prompt is zeros where the model's index says so, and an empty text where it does not.
#[test]
fn no_negative_prompt_is_what_the_index_says() {
    let reference = sdxl();
    compare(&reference, "run/zeros", |job| job.params.negative_prompt.clear());

    let dir = tempfile::TempDir::new().unwrap();
    copy(&reference.dir, dir.path());
    let index = dir.path().join("model_index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    assert!(text.contains("\"force_zeros_for_empty_prompt\": true"));
    std::fs::write(
        &index,
        text.replace("\"force_zeros_for_empty_prompt\": true", "\"force_zeros_for_empty_prompt\": false"),
    )
    .unwrap();
    compare(&reference, "run/empty", |job| {
        job.params.negative_prompt.clear();
        job.model = dir.path().to_path_buf();
    });
}

/// Writes a file of JSON anew.
pub fn changed(file: &Path, change: impl Fn(&mut serde_json::Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(file, value.to_string()).unwrap();
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn runs_from_a_picture_end_the_same() {
    let reference = sdxl();
    for (name, strength) in [("0.3", 0.3), ("0.75", 0.75), ("1.0", 1.0)] {
        compare(&reference, &format!("img2img/{name}"), |job| from_picture(job, &reference, Some(strength)));
    }
}

/// An autoencoder whose file says mean and deviation of its latents' channels.
#[test]
fn latents_are_brought_to_unit_variance_by_channel() {
    let mut reference = Reference::open_with("sdxl", "spread.safetensors");
    let dir = tempfile::TempDir::new().unwrap();
    copy(&reference.dir, dir.path());
    changed(&dir.path().join("vae/config.json"), |vae| {
        vae["latents_mean"] = json!([0.4, -1.2, 0.1, 0.7]);
        vae["latents_std"] = json!([1.5, 0.6, 2.5, 0.9]);
    });
    reference.dir = dir.path().to_path_buf();
    let drawn = draw_changed(&reference, |_| {});
    compare_bytes(&reference, &drawn[..1]);
    compare(&reference, "img2img/0.75", |job| from_picture(job, &reference, Some(0.75)));
}

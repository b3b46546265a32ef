//! Half precision, on the CPU: it draws nearly what single precision draws, in half of the memory.

mod support;

use std::path::Path;

use candle_core::{DType, Device};
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Mask, Picture, Rgb};
use gpu_runner::device::Compute;
use gpu_runner::pipeline::memory;
use gpu_runner::tiny::Layout;
use serde_json::json;
use support::model;

fn job(model: &Path) -> DrawJob {
    let params = json!({
        "prompt": "a red fox in the snow", "negative_prompt": "dark", "width": 72, "height": 64,
        "num_inference_steps": 6, "guidance_scale": 5.0, "scheduler": "DDIM", "seed": 7, "n": 1,
    });
    let mut job = DrawJob::new(model.to_path_buf(), serde_json::from_value(params).unwrap());
    (job.keep_latents, job.preview_every) = (true, 2);
    job
}

/// The picture, and the previews on the way.
fn draw(job: &DrawJob, dtype: DType) -> (Picture, Vec<Rgb>) {
    let mut previews = Vec::new();
    let mut backend = CandleBackend::new(Compute { device: Device::Cpu, dtype });
    let pictures = backend.draw(job, &mut |progress| {
        previews.extend(progress.preview);
        Control::Continue
    });
    (pictures.unwrap().remove(0), previews)
}

/// Largest difference of latents relative to the largest, and mean difference of bytes.
fn apart(a: &Picture, b: &Picture) -> (f32, f64) {
    let (x, y) = (&a.latents.as_ref().unwrap().values, &b.latents.as_ref().unwrap().values);
    let largest = x.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = x.iter().zip(y).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    let bytes = a.rgb.bytes.iter().zip(&b.rgb.bytes).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
    (worst / largest, bytes / a.rgb.bytes.len() as f64)
}

fn nearly_the_same(job: &DrawJob, name: &str) {
    let (single, previews) = draw(job, DType::F32);
    for (dtype, latents, bytes) in [(DType::F16, 0.01, 0.5), (DType::BF16, 0.1, 4.0)] {
        let (half, seen) = draw(job, dtype);
        let (worst, mean) = apart(&single, &half);
        println!("{name} {dtype:?}: latents {worst:.1e}, bytes {mean:.2}");
        assert!(worst < latents && mean < bytes, "{name} {dtype:?}: {worst} {mean}");
        // It was computed otherwise.
        assert!(worst > 1e-5, "{name} {dtype:?}: {worst}");
        assert_eq!(seen.len(), previews.len());
    }
}

#[test]
fn half_precision_draws_nearly_the_same() {
    for layout in [Layout::Sd15, Layout::Sd2, Layout::Sdxl] {
        let dir = model(layout);
        nearly_the_same(&job(dir.path()), &format!("{layout:?}"));
    }
}

/// Through the encoder, beside a reference, behind a mask.
#[test]
fn half_precision_draws_from_pictures() {
    let dir = model(Layout::Sd15);
    let mut job = job(dir.path());
    let picture = |shift: usize| Rgb {
        width: 72,
        height: 64,
        bytes: (0..3 * 72 * 64).map(|i| ((i + shift) * 7 % 251) as u8).collect(),
    };
    job.params.from_images = vec!["first".into(), "second".into()];
    job.params.strength = Some(0.7);
    job.from = vec![picture(0), picture(100)];
    let half = Rgb { bytes: (0..3 * 72 * 64).map(|i| if i % 216 < 108 { 0 } else { 255 }).collect(), ..picture(0) };
    job.params.mask = Some("mask".into());
    job.mask = Some(Mask::of(&half));
    nearly_the_same(&job, "from pictures");
}

#[test]
fn what_is_estimated_is_what_numbers_take() {
    for layout in [Layout::Sd15, Layout::Sdxl] {
        let dir = model(layout);
        let of = |dtype| memory::weights(dir.path(), dtype).unwrap();
        assert_eq!(of(DType::F32), 2 * of(DType::BF16));
        // SDXL's autoencoder stays as it is: f16 has no room for what comes of it.
        assert_eq!(of(DType::F16) > of(DType::BF16), layout == Layout::Sdxl);
        if layout == Layout::Sdxl {
            let path = dir.path().join("vae/config.json");
            let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            config["force_upcast"] = json!(false);
            std::fs::write(&path, config.to_string()).unwrap();
            assert_eq!(of(DType::F16), of(DType::BF16));
        }
    }
}

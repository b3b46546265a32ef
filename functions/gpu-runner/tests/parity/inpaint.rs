//! Parts of a picture drawn anew. Made by `fixtures/inpaint.py`.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use gpu_runner::backend::{DrawJob, Mask, Rgb};
use gpu_runner::schedulers::Sampler;
use serde_json::json;

use crate::reference::{RUN, Reference};
use crate::run::{draw_changed, from_picture, latents};
use crate::sdxl::copy;

const LAYOUTS: [&str; 3] = ["sd15", "sd2", "sdxl"];

fn open(layout: &str) -> Reference {
    Reference::open_with(layout, "inpaint.safetensors")
}

fn set(job: &mut DrawJob, reference: &Reference, sampler: &str, steps: u32, strength: f64) {
    job.params.scheduler = sampler.into();
    job.params.num_inference_steps = steps;
    from_picture(job, reference, Some(strength));
    let mask = reference.tensor("inpaint/mask");
    let (height, width) = mask.dims2().unwrap();
    let bytes: Vec<u8> = mask.flatten_all().unwrap().to_vec1().unwrap();
    let bytes = bytes.into_iter().flat_map(|byte| [byte; 3]).collect();
    job.params.mask = Some("mask".into());
    job.mask = Some(Mask::of(&Rgb { width: width as u32, height: height as u32, bytes }));
}

#[test]
fn parts_drawn_anew_end_the_same_with_every_sampler() {
    for layout in LAYOUTS {
        let reference = open(layout);
        for sampler in Sampler::ALL.map(Sampler::name) {
            for (name, strength) in [("0.6", 0.6), ("1.0", 1.0)] {
                let drawn = draw_changed(&reference, |job| set(job, &reference, sampler, 7, strength));
                reference.compare(&format!("inpaint/{sampler}/{name}"), &latents(&drawn), RUN);
            }
        }
    }
}

/// A denoiser of nine channels is shown the mask and what is kept.
#[test]
fn a_denoiser_made_for_it_ends_the_same() {
    for layout in LAYOUTS {
        let mut reference = open(layout);
        let dir = tempfile::TempDir::new().unwrap();
        copy(&reference.dir, dir.path());
        let config = dir.path().join("unet/config.json");
        let mut unet: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
        unet["in_channels"] = json!(9);
        std::fs::write(&config, unet.to_string()).unwrap();
        let files = ["unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors"];
        let file = files.map(|name| dir.path().join(name)).into_iter().find(|path| path.is_file()).unwrap();
        let mut tensors = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
        tensors.insert("conv_in.weight".into(), reference.tensor("inpaint/conv_in").clone());
        let wide: HashMap<String, Tensor> =
            tensors.into_iter().map(|(name, tensor)| (name, tensor.to_dtype(DType::F32).unwrap())).collect();
        std::fs::remove_file(&file).unwrap();
        candle_core::safetensors::save(&wide, dir.path().join(files[0])).unwrap();
        reference.dir = dir.path().to_path_buf();
        let drawn = draw_changed(&reference, |job| set(job, &reference, "DDIM", 20, 0.75));
        reference.compare("inpaint/nine", &latents(&drawn), RUN);
        let drawn = draw_changed(&reference, |job| set(job, &reference, "K_EULER", 7, 1.0));
        reference.compare("inpaint/nine/1.0", &latents(&drawn), RUN);
    }
}

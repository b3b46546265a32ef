//! SDXL's refiner: the second text encoder alone, how pleasing a picture is to be, and always over a picture. Made by
//! `fixtures/refiner.py`.

use candle_core::Device;
use gpu_runner::Code;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Mask, Rgb};
use serde_json::json;

use crate::reference::{RUN, Reference};
use crate::run::{draw_changed, from_picture, latents};
use crate::sdxl::{changed, copy};

fn compare(reference: &Reference, name: &str, strength: f64, change: impl Fn(&mut DrawJob)) {
    let drawn = draw_changed(reference, |job| {
        job.params.scheduler = "K_EULER".into();
        from_picture(job, reference, Some(strength));
        change(job);
    });
    reference.compare(name, &latents(&drawn), RUN);
}

#[test]
fn runs_from_a_picture_end_the_same() {
    let reference = Reference::open("refiner");
    compare(&reference, "img2img/0.3", 0.3, |_| {});
    compare(&reference, "img2img/1.0", 1.0, |_| {});
    compare(&reference, "img2img/plain", 0.3, |job| job.params.guidance_scale = 1.0);
    compare(&reference, "img2img/empty", 0.3, |job| job.params.negative_prompt.clear());
    let dir = tempfile::TempDir::new().unwrap();
    copy(&reference.dir, dir.path());
    changed(&dir.path().join("model_index.json"), |index| index["force_zeros_for_empty_prompt"] = json!(true));
    compare(&reference, "img2img/zeros", 0.3, |job| {
        job.params.negative_prompt.clear();
        job.model = dir.path().to_path_buf();
    });
}

#[test]
fn a_part_drawn_anew_ends_the_same() {
    let reference = Reference::open("refiner");
    let mask = reference.tensor("inpaint/mask");
    let (height, width) = mask.dims2().unwrap();
    let bytes: Vec<u8> = mask.flatten_all().unwrap().to_vec1().unwrap();
    let bytes: Vec<u8> = bytes.into_iter().flat_map(|byte| [byte; 3]).collect();
    let mask = Mask::of(&Rgb { width: width as u32, height: height as u32, bytes });
    compare(&reference, "inpaint/0.6", 0.6, |job| {
        job.params.mask = Some("mask".into());
        job.mask = Some(mask.clone());
    });
}

#[test]
fn without_a_picture_it_refuses() {
    let reference = Reference::open("refiner");
    let params = json!({
        "prompt": "fox", "negative_prompt": "", "width": 64, "height": 64, "num_inference_steps": 1,
        "guidance_scale": 1.0, "scheduler": "K_EULER", "seed": 1, "n": 1,
    });
    let job = DrawJob::new(reference.dir.clone(), serde_json::from_value(params).unwrap());
    let error = CandleBackend::new(Device::Cpu).draw(&job, &mut |_| Control::Continue).unwrap_err();
    assert_eq!(error.code, Code::RequestInvalid, "{error}");
}

use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Latents, Picture, Rgb};

use candle_core::{DType, Tensor};
use gpu_runner::schedulers::Sampler;
use protocol::runner::DrawParams;
use serde::Deserialize;

use crate::on::on;
use crate::reference::{LAYOUTS, RUN, Reference};

#[derive(Deserialize)]
struct Run {
    prompts: Vec<String>,
    negative: Vec<String>,
    width: u32,
    height: u32,
    steps: u32,
    guidance: f64,
}

/// DDIM over the steps of the reference.
fn draw(reference: &Reference, guided: bool, strength: Option<f64>) -> Vec<Picture> {
    draw_with(reference, "DDIM", None, guided, strength)
}

/// Both prompts of the reference's batch from the reference's noise, or from its picture at this strength; noise on the
/// way is that of seeds 0 and 1.
fn draw_with(
    reference: &Reference,
    scheduler: &str,
    steps: Option<u32>,
    guided: bool,
    strength: Option<f64>,
) -> Vec<Picture> {
    draw_changed(reference, |job| {
        job.params.scheduler = scheduler.into();
        job.params.num_inference_steps = steps.unwrap_or(job.params.num_inference_steps);
        if !guided {
            job.params.guidance_scale = 1.0;
        }
        from_picture(job, reference, strength);
    })
}

/// The reference's picture to start from.
pub fn from_picture(job: &mut DrawJob, reference: &Reference, strength: Option<f64>) {
    job.params.from_images = strength.map(|_| "picture".into()).into_iter().collect();
    job.params.strength = strength;
    job.from = strength.map(|_| picture(reference)).into_iter().collect();
}

/// Each prompt of the reference's batch as a job of its own, by DDIM but for what is changed.
pub fn draw_changed(reference: &Reference, change: impl Fn(&mut DrawJob)) -> Vec<Picture> {
    let run: Run = serde_json::from_slice(&std::fs::read(reference.dir.join("run.json")).unwrap()).unwrap();
    let mut backend = CandleBackend::new(on());
    let mut drawn = Vec::new();
    for (i, (prompt, negative)) in run.prompts.iter().zip(&run.negative).enumerate() {
        let params = DrawParams {
            prompt: prompt.clone(),
            negative_prompt: negative.clone(),
            width: run.width,
            height: run.height,
            num_inference_steps: run.steps,
            guidance_scale: run.guidance,
            scheduler: "DDIM".into(),
            seed: i as u32,
            n: 1,
            from_images: Vec::new(),
            strength: None,
            mask: None,
            auto_aspect: false,
            loras: Vec::new(),
            model: None,
        };
        let noise = reference.tensor("run/noise").narrow(0, i, 1).unwrap();
        let mut job = DrawJob::new(reference.dir.clone(), params);
        job.init_latents = Some(Latents {
            shape: noise.dims4().map(|(a, b, c, d)| [a, b, c, d]).unwrap(),
            values: noise.flatten_all().unwrap().to_vec1().unwrap(),
        });
        job.keep_latents = true;
        change(&mut job);
        drawn.extend(backend.draw(&job, &mut |_| Control::Continue).unwrap());
    }
    drawn
}

fn picture(reference: &Reference) -> Rgb {
    let picture = reference.tensor("img2img/picture").permute((1, 2, 0)).unwrap();
    let (height, width, _) = picture.dims3().unwrap();
    Rgb { width: width as u32, height: height as u32, bytes: picture.flatten_all().unwrap().to_vec1().unwrap() }
}

pub fn latents(pictures: &[Picture]) -> Tensor {
    let all: Vec<Tensor> = pictures
        .iter()
        .map(|p| {
            let latents = p.latents.as_ref().unwrap();
            Tensor::from_slice(&latents.values, &latents.shape, &on().device).unwrap()
        })
        .collect();
    Tensor::cat(&all, 0).unwrap()
}

#[test]
fn twenty_guided_steps_end_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let pictures = draw(&reference, true, None);
        reference.compare("run/guided", &latents(&pictures), RUN);
        compare_bytes(&reference, &pictures);
    }
}

/// Pictures to `run/pictures`.
pub fn compare_bytes(reference: &Reference, pictures: &[Picture]) {
    // Half a byte is more than half precision keeps.
    if on().dtype != DType::F32 {
        return;
    }
    for (i, picture) in pictures.iter().enumerate() {
        let expected = ((reference.tensor("run/pictures").get(i).unwrap() * 127.5).unwrap() + 127.5).unwrap();
        let expected = expected.clamp(0f32, 255f32).unwrap().permute((1, 2, 0)).unwrap();
        let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(expected.len(), picture.rgb.bytes.len());
        let worst = expected.iter().zip(&picture.rgb.bytes).map(|(e, b)| (e - f32::from(*b)).abs()).fold(0.0, f32::max);
        assert!(worst < 0.51, "{}: a byte is {worst} off", reference.dir.display());
    }
}

#[test]
fn twenty_unguided_steps_end_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        reference.compare("run/plain", &latents(&draw(&reference, false, None)), RUN);
    }
}

/// Through the encoder, the noise of a time on the way, and the rest of the steps.
#[test]
fn runs_from_a_picture_end_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        for (name, strength) in [("0.3", 0.3), ("0.75", 0.75), ("1.0", 1.0)] {
            let pictures = draw(&reference, true, Some(strength));
            reference.compare(&format!("img2img/{name}"), &latents(&pictures), RUN);
        }
    }
}

/// Every sampler, as the pipeline builds it from the model's file, at 20 and 7 steps, from noise and from a picture.
#[test]
fn every_sampler_ends_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open_with(layout, "samplers.safetensors");
        for sampler in Sampler::ALL.map(Sampler::name) {
            for steps in [20, 7] {
                let drawn = draw_with(&reference, sampler, Some(steps), true, None);
                reference.compare(&format!("{sampler}/{steps}"), &latents(&drawn), RUN);
                let drawn = draw_with(&reference, sampler, Some(steps), true, Some(0.6));
                reference.compare(&format!("{sampler}/{steps}/0.6"), &latents(&drawn), RUN);
            }
        }
    }
}

//! Drawing from pictures, on tiny models.

mod support;

use std::path::Path;

use candle_core::Device;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Mask, Picture, Rgb};
use gpu_runner::tiny::Layout;
use gpu_runner::{Code, DrawError};
use protocol::runner::DrawParams;
use support::model;

/// Something with edges, other for each seed.
fn picture(seed: usize) -> Rgb {
    let (width, height) = (72, 64);
    let bytes = (0..3 * width * height).map(|i| ((i / 3 % width) * (seed + 2) + i / 500 * seed * 7) as u8).collect();
    Rgb { width: width as u32, height: height as u32, bytes }
}

fn job(model: &Path, from: &[Rgb], strength: f64) -> DrawJob {
    let params = DrawParams {
        prompt: "a red fox in the snow".into(),
        negative_prompt: "dark".into(),
        width: 72,
        height: 64,
        num_inference_steps: 5,
        guidance_scale: 7.5,
        scheduler: "DDIM".into(),
        seed: 7,
        n: 1,
        from_images: from.iter().map(|_| "https://example.com/secret".into()).collect(),
        strength: Some(strength),
        mask: None,
        auto_aspect: false,
        loras: Vec::new(),
        model: None,
    };
    let mut job = DrawJob::new(model.to_path_buf(), params);
    job.from = from.to_vec();
    job.keep_latents = true;
    job
}

fn try_draw(job: &DrawJob) -> Result<Vec<Picture>, DrawError> {
    CandleBackend::new(Device::Cpu).draw(job, &mut |_| Control::Continue)
}

fn draw(job: &DrawJob) -> Vec<Picture> {
    try_draw(job).unwrap()
}

/// Bit for bit, with one picture and with several.
#[test]
fn a_picture_is_the_same_whatever_the_batch() {
    let dir = model(Layout::Sd15);
    for from in [vec![picture(1)], vec![picture(1), picture(2), picture(3)]] {
        let mut batch = job(dir.path(), &from, 0.6);
        batch.params.n = 3;
        let together = draw(&batch);
        assert_ne!(together[0].rgb, together[1].rgb);
        for (i, drawn) in together.iter().enumerate() {
            let mut alone = job(dir.path(), &from, 0.6);
            alone.params.seed += i as u32;
            assert_eq!(draw(&alone), std::slice::from_ref(drawn));
        }
    }
}

#[test]
fn each_picture_and_the_strength_have_their_part() {
    let dir = model(Layout::Sd2);
    let of = |from: &[Rgb], strength| draw(&job(dir.path(), from, strength)).swap_remove(0).rgb;
    let [a, b, c] = [1, 2, 3].map(picture);
    let all = of(&[a.clone(), b.clone(), c.clone()], 0.6);
    let others = [
        of(std::slice::from_ref(&a), 0.6),
        of(&[a.clone(), b.clone()], 0.6),
        of(&[a.clone(), c.clone()], 0.6),
        of(&[b.clone(), b.clone(), c.clone()], 0.6),
        of(&[a.clone(), a.clone(), c.clone()], 0.6),
        of(&[a.clone(), b.clone(), a.clone()], 0.6),
        of(&[a.clone(), b.clone(), c.clone()], 0.8),
        of(&[a.clone(), b.clone(), c.clone()], 1.0),
    ];
    for (i, other) in others.iter().enumerate() {
        assert!(all != *other, "{i}");
        assert!(others[..i].iter().all(|before| before != other), "{i}");
    }
}

/// The right half white, and between the halves a column of grey.
fn masked(mut job: DrawJob) -> DrawJob {
    let of = |i: usize| if i % 72 > 36 { 255 } else { u8::from(i % 72 == 36) * 100 };
    let bytes = (0..72 * 64).flat_map(|i| [of(i); 3]).collect();
    job.params.mask = Some("https://example.com/secret".into());
    job.mask = Some(Mask::of(&Rgb { width: 72, height: 64, bytes }));
    job
}

/// With a denoiser made for it, and with any other.
#[test]
fn what_the_mask_keeps_is_kept_to_the_last_bit() {
    let plain = model(Layout::Sd15);
    let made = model(Layout::Sd15);
    widen(made.path());
    for dir in [&plain, &made] {
        let start = picture(1);
        let of = |strength| {
            let mut job = masked(job(dir.path(), &[start.clone(), picture(2)], strength));
            job.params.n = 2;
            draw(&job)
        };
        assert!(of(0.0).iter().all(|drawn| drawn.rgb == start));
        for strength in [0.6, 1.0] {
            let drawn = of(strength);
            assert_ne!(drawn[0].rgb, drawn[1].rgb);
            for drawn in drawn {
                let differ = |x: usize| {
                    let at = |rgb: &Rgb, y: usize| rgb.bytes[3 * (72 * y + x)..][..3].to_vec();
                    (0..64).filter(|y| at(&drawn.rgb, *y) != at(&start, *y)).count()
                };
                assert!((0..36).all(|x| differ(x) == 0), "{strength}");
                assert!((37..72).all(|x| differ(x) > 32), "{strength}");
                assert!(differ(36) > 0);
            }
        }
        let mut alone = masked(job(dir.path(), &[start.clone(), picture(2)], 0.6));
        alone.params.seed += 1;
        assert_eq!(draw(&alone)[0], of(0.6)[1]);
    }
    // From text alone such a denoiser draws everything anew.
    assert_ne!(draw(&job(made.path(), &[], 0.5))[0].rgb, draw(&job(plain.path(), &[], 0.5))[0].rgb);
}

/// Gives the denoiser the channels of one that draws parts anew.
fn widen(dir: &Path) {
    let (config, file) = (dir.join("unet/config.json"), dir.join("unet/diffusion_pytorch_model.safetensors"));
    let mut unet: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    unet["in_channels"] = 9.into();
    std::fs::write(&config, unet.to_string()).unwrap();
    let mut tensors = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    let first = &tensors["conv_in.weight"];
    let more = first.narrow(1, 0, 1).unwrap();
    let wide = candle_core::Tensor::cat(&[first, first, &more], 1).unwrap();
    tensors.insert("conv_in.weight".into(), wide);
    std::fs::remove_file(&file).unwrap();
    candle_core::safetensors::save(&tensors, &file).unwrap();
}

/// What nobody says is three quarters.
#[test]
fn the_default_strength_is_that_of_the_contract() {
    let dir = model(Layout::Sd15);
    let mut silent = job(dir.path(), &[picture(1)], 0.75);
    let said = draw(&silent);
    silent.params.strength = None;
    assert_eq!(draw(&silent), said);
}

#[test]
fn less_strength_stays_closer_to_the_picture() {
    let dir = model(Layout::Sd15);
    let start = picture(1);
    let mut unchanged = job(dir.path(), std::slice::from_ref(&start), 0.0);
    unchanged.params.n = 2;
    let unchanged = draw(&unchanged);
    // At 0 it is the picture, to the last bit, whatever the seed.
    assert!(unchanged.iter().all(|drawn| drawn.rgb == start));
    let origin = unchanged[0].latents.clone().unwrap().values;
    let far = |strength: f64| {
        let mut job = job(dir.path(), std::slice::from_ref(&start), strength);
        job.params.num_inference_steps = 20;
        let drawn = draw(&job).swap_remove(0).latents.unwrap().values;
        drawn.iter().zip(&origin).map(|(a, b)| f64::from((a - b).powi(2))).sum::<f64>()
    };
    let [little, half, all] = [0.1, 0.5, 1.0].map(far);
    assert!(0.0 < little && little < half && half < all, "{little} {half} {all}");
}

#[test]
fn only_the_steps_that_are_done_are_counted() {
    let dir = model(Layout::Sd15);
    for (steps, strength, expected) in
        [(5, 0.0, 0), (5, 0.1, 1), (5, 0.6, 3), (5, 1.0, 5), (1, 0.3, 1), (100, 0.29, 28), (20, 0.15, 3)]
    {
        let mut job = job(dir.path(), &[picture(1), picture(2)], strength);
        job.params.num_inference_steps = steps;
        job.preview_every = 2;
        assert_eq!(job.steps(), expected, "{steps} at {strength}");
        if steps > 5 {
            continue;
        }
        let mut seen = Vec::new();
        CandleBackend::new(Device::Cpu)
            .draw(&job, &mut |p| {
                seen.push((p.step, p.steps, p.preview.is_some()));
                Control::Continue
            })
            .unwrap();
        let wanted: Vec<_> = (0..=expected).map(|i| (i, expected, i > 0 && i % 2 == 0 && i < expected)).collect();
        assert_eq!(seen, wanted);
    }
}

#[test]
fn cancelling_stops_within_one_step() {
    let dir = model(Layout::Sd15);
    let mut long = job(dir.path(), &[picture(1), picture(2)], 0.9);
    long.params.num_inference_steps = 500;
    let mut calls = 0;
    let error = CandleBackend::new(Device::Cpu)
        .draw(&long, &mut |p| {
            calls += 1;
            if p.step == 2 { Control::Cancel } else { Control::Continue }
        })
        .unwrap_err();
    assert_eq!((error.code, calls), (Code::Canceled, 3));
}

#[test]
fn pictures_that_do_not_fit_the_job_are_refused() {
    let dir = model(Layout::Sd15);
    type Change = fn(&mut DrawJob);
    let cases: [(&str, Change); 9] = [
        ("from_images", |j| drop(j.from.pop())),
        ("from_images", |j| j.params.from_images.clear()),
        ("72x64", |j| j.from[0].width = 64),
        ("72x64", |j| j.from[1].bytes.truncate(7)),
        ("at most", |j| j.params.from_images = vec![String::new(); 17]),
        ("strength", |j| j.params.strength = Some(f64::NAN)),
        ("mask", |j| j.params.mask = Some(String::new())),
        ("mask", |j| j.mask = Some(Mask::of(&picture(1)))),
        ("mask", |j| {
            j.params.mask = Some(String::new());
            j.mask = Some(Mask::of(&Rgb { width: 72, height: 72, bytes: vec![0; 3 * 72 * 72] }));
        }),
    ];
    for (expected, change) in cases {
        let mut job = job(dir.path(), &[picture(1), picture(2)], 0.5);
        change(&mut job);
        let error = try_draw(&job).unwrap_err();
        assert_eq!(error.code, Code::RequestInvalid, "{error}");
        assert!(error.message.contains(expected) && !error.retryable(), "{error}");
    }
    let error = try_draw(&masked(job(dir.path(), &[], 0.5))).unwrap_err();
    assert!(error.code == Code::RequestInvalid && error.message.contains("mask"), "{error}");
    for strength in [-0.1, 1.1, f64::INFINITY] {
        let error = try_draw(&job(dir.path(), &[picture(1)], strength)).unwrap_err();
        assert!(error.code == Code::RequestInvalid && error.message.contains("strength"), "{error}");
    }
}

#[test]
fn a_model_without_an_encoder_draws_from_text_alone() {
    let dir = model(Layout::Sd15);
    let path = dir.path().join("vae/diffusion_pytorch_model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let before = draw(&job(dir.path(), &[], 0.5));
    tensors.retain(|name, _| !name.starts_with("encoder.") && !name.starts_with("quant_conv."));
    std::fs::remove_file(&path).unwrap();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    assert_eq!(draw(&job(dir.path(), &[], 0.5)), before);
    let error = try_draw(&job(dir.path(), &[picture(1)], 0.5)).unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable()), ("encoder_missing", false));
}

#[test]
fn the_file_says_how_it_was_made_and_not_from_whose_picture() {
    let dir = model(Layout::Sd15);
    let texts = |job: &DrawJob| {
        let png = job.png(&draw(job)[0]).unwrap();
        assert!(!String::from_utf8_lossy(&png).contains("secret"));
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let texts = &reader.info().utf8_text;
        texts.iter().map(|chunk| chunk.get_text().unwrap()).collect::<Vec<_>>().join("\n")
    };
    let text = texts(&masked(job(dir.path(), &[picture(1)], 0.6)));
    assert!(text.contains(", Denoising strength: 0.6"), "{text}");
    assert!(text.contains(r#""strength":0.6"#), "{text}");
    assert!(!texts(&job(dir.path(), &[], 0.6)).contains("Denoising"));
}

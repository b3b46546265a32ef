//! What `Backend` promises, on tiny models.

mod support;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device};
use gpu_runner::Code;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Latents, Picture, Progress, Sight};
use gpu_runner::tiny::{self, Layout};
use protocol::runner::DrawParams;
use support::model;

fn job(model: &Path) -> DrawJob {
    let params = DrawParams {
        prompt: "a red fox in the snow, 動物 🦊".into(),
        negative_prompt: "dark".into(),
        width: 72,
        height: 64,
        num_inference_steps: 4,
        guidance_scale: 7.5,
        scheduler: "DDIM".into(),
        seed: 7,
        n: 1,
        from_images: Vec::new(),
        strength: None,
        mask: None,
        auto_aspect: false,
        loras: Vec::new(),
        model: None,
    };
    DrawJob::new(model.to_path_buf(), params)
}

fn draw(job: &DrawJob) -> Vec<Picture> {
    CandleBackend::new(Device::Cpu).draw(job, &mut |_| Control::Continue).unwrap()
}

fn refusal(job: &DrawJob) -> gpu_runner::DrawError {
    CandleBackend::new(Device::Cpu).draw(job, &mut |_| Control::Continue).unwrap_err()
}

/// Bit for bit, latents included.
#[test]
fn a_picture_is_the_same_whatever_the_batch() {
    for layout in [Layout::Sd15, Layout::Sd2, Layout::Sdxl] {
        let dir = model(layout);
        let mut batch = job(dir.path());
        batch.keep_latents = true;
        batch.params.n = 3;
        let together = draw(&batch);
        assert_eq!(together.len(), 3);
        assert_ne!(together[0].rgb, together[1].rgb);
        for (i, picture) in together.iter().enumerate() {
            let mut alone = batch.clone();
            alone.params.n = 1;
            alone.params.seed += i as u32;
            assert_eq!(draw(&alone), std::slice::from_ref(picture));
        }
    }
}

#[test]
fn pictures_have_the_size_asked_for() {
    let dir = model(Layout::Sd15);
    let mut job = job(dir.path());
    (job.params.width, job.params.height) = (136, 64);
    let picture = &draw(&job)[0];
    assert_eq!((picture.rgb.width, picture.rgb.height, picture.rgb.bytes.len()), (136, 64, 3 * 136 * 64));
    assert!(picture.latents.is_none());
}

#[test]
fn prompts_and_guidance_have_their_part() {
    let dir = model(Layout::Sd15);
    let base = job(dir.path());
    let with = |change: &dyn Fn(&mut DrawJob)| {
        let mut job = base.clone();
        change(&mut job);
        draw(&job)
    };
    let first = draw(&base);
    assert_ne!(first, with(&|job| job.params.prompt = "a green car".into()));
    assert_ne!(first, with(&|job| job.params.negative_prompt = "rain".into()));
    assert_ne!(first, with(&|job| job.params.guidance_scale = 3.0));
    let unguided = with(&|job| job.params.guidance_scale = 1.0);
    let other_negative = with(&|job| {
        job.params.guidance_scale = 1.0;
        job.params.negative_prompt = "rain".into();
    });
    assert_eq!(unguided, other_negative);
}

#[test]
fn given_noise_replaces_the_seeds() {
    let dir = model(Layout::Sd15);
    let mut batch = job(dir.path());
    batch.params.n = 2;
    let shape = [2, 4, 8, 9];
    let values: Vec<f32> = (0..2 * 4 * 8 * 9).map(|i| (i as f32 * 0.7).sin() * 1.4).collect();
    batch.init_latents = Some(Latents { shape, values: values.clone() });
    let first = draw(&batch);
    batch.params.seed = 1234;
    let second = draw(&batch);
    assert_eq!(first[1].rgb, second[1].rgb);
    assert_ne!(first[0].rgb, first[1].rgb);

    for (shape, values) in [
        ([1, 4, 8, 9], values[..288].to_vec()),
        ([2, 4, 9, 8], values.clone()),
        (shape, values[1..].to_vec()),
        (shape, vec![f32::NAN; values.len()]),
        ([usize::MAX, 4, 8, 9], values.clone()),
    ] {
        batch.init_latents = Some(Latents { shape, values });
        assert_eq!(refusal(&batch).code, Code::RequestInvalid);
    }
}

#[test]
fn progress_counts_every_step_and_carries_previews() {
    let dir = model(Layout::Sd2);
    let mut batch = job(dir.path());
    batch.params.n = 2;
    batch.preview_every = 2;
    let mut seen: Vec<Progress> = Vec::new();
    CandleBackend::new(Device::Cpu)
        .draw(&batch, &mut |p| {
            seen.push(p);
            Control::Continue
        })
        .unwrap();
    let order: Vec<_> = seen.iter().map(|p| (p.picture, p.step, p.preview.is_some())).collect();
    let each = |i| [(i, 0, false), (i, 1, false), (i, 2, true), (i, 3, false), (i, 4, false)];
    assert_eq!(order, [each(0), each(1)].concat());
    assert!(seen.windows(2).all(|w| w[0].fraction() <= w[1].fraction()));
    assert_eq!(seen.last().unwrap().fraction(), 1.0);
    let preview = seen[2].preview.as_ref().unwrap();
    assert_eq!((preview.width, preview.height, preview.bytes.len()), (9, 8, 3 * 72));
    assert!(preview.bytes.iter().any(|b| *b != preview.bytes[0]), "a preview of one colour");
    assert_ne!(seen[2].preview, seen[7].preview);
}

#[test]
fn cancelling_stops_within_one_step() {
    let dir = model(Layout::Sd15);
    let mut long = job(dir.path());
    long.params.num_inference_steps = 500;
    let mut calls = 0;
    let error = CandleBackend::new(Device::Cpu)
        .draw(&long, &mut |p| {
            calls += 1;
            if p.step == 3 { Control::Cancel } else { Control::Continue }
        })
        .unwrap_err();
    assert_eq!((error.code, calls), (Code::Canceled, 4));
    assert!(!error.retryable());
}

#[test]
fn a_model_is_loaded_once() {
    let dir = model(Layout::Sd15);
    let job = job(dir.path());
    let mut backend = CandleBackend::new(Device::Cpu);
    let first = backend.draw(&job, &mut |_| Control::Continue).unwrap();
    drop(dir);
    assert_eq!(backend.draw(&job, &mut |_| Control::Continue).unwrap(), first);
    let mut other = job.clone();
    other.model.push("elsewhere");
    let error = backend.draw(&other, &mut |_| Control::Continue).unwrap_err();
    assert_eq!(error.code, Code::ModelNotFound);
    assert!(error.retryable());
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    let dir = model(Layout::Sd15);
    type Change = fn(&mut DrawJob);
    let cases: [(&str, Change); 11] = [
        ("width", |j| j.params.width = 0),
        ("width", |j| j.params.width = 68),
        ("height", |j| j.params.height = 4096),
        ("num_inference_steps", |j| j.params.num_inference_steps = 0),
        ("num_inference_steps", |j| j.params.num_inference_steps = 501),
        ("guidance_scale", |j| j.params.guidance_scale = 0.5),
        ("guidance_scale", |j| j.params.guidance_scale = f64::NAN),
        ("seed", |j| j.params.seed = 1 << 31),
        ("n must", |j| j.params.n = 9),
        ("prompt", |j| j.params.prompt = "x".repeat(5000)),
        ("scheduler", |j| j.params.scheduler = "KLMS2".into()),
    ];
    for (name, change) in cases {
        let mut job = job(dir.path());
        change(&mut job);
        let error = refusal(&job);
        assert_eq!(error.code, Code::RequestInvalid, "{name}");
        assert!(error.message.contains(name), "{name}: {error}");
        assert!(!error.retryable());
    }
}

/// Several models stay loaded where memory allows: one that is gone from the disk goes on drawing.
#[test]
fn models_stay_loaded_as_far_as_memory_goes() {
    let tiny = |seed| {
        let dir = tempfile::TempDir::new().unwrap();
        tiny::write(dir.path(), Layout::Sd15, seed).unwrap();
        dir
    };
    let weights = |dir: &Path| gpu_runner::pipeline::memory::weights(dir, DType::F32).unwrap();
    for (more, kept) in [(-1, false), (8 << 20, true)] {
        let (first, second) = (tiny(1), tiny(2));
        let budget = (2 * weights(first.path())).saturating_add_signed(more);
        let mut backend = CandleBackend::new(Device::Cpu).with_memory(Some(budget));
        let mut draw = |dir: &Path| backend.draw(&job(dir), &mut |_| Control::Continue);
        let (one, two) = (draw(first.path()).unwrap(), draw(second.path()).unwrap());
        assert_ne!(one, two);
        let gone = first.path().to_path_buf();
        drop(first);
        assert_eq!(draw(&gone).ok().is_some_and(|again| again == one), kept);
        assert_eq!(draw(second.path()).unwrap(), two);
    }
}

#[test]
fn what_can_not_fit_is_refused_and_the_backend_lives_on() {
    let dir = model(Layout::Sd15);
    let weights = gpu_runner::pipeline::memory::weights(dir.path(), DType::F32).unwrap();
    let files: u64 = ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"]
        .iter()
        .map(|name| std::fs::metadata(dir.path().join(format!("{name}.safetensors"))).unwrap().len())
        .sum();
    assert!(weights < files && weights > files * 9 / 10, "{weights} of {files}");
    let refused = |budget: u64, side: u32| {
        let mut backend = CandleBackend::new(Device::Cpu).with_memory(Some(budget));
        let mut large = job(dir.path());
        (large.params.width, large.params.height) = (side, side);
        let error = backend.draw(&large, &mut |_| panic!("it was begun")).unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable()), ("out_of_memory", true), "{error}");
        backend
    };
    refused(weights - 1, 64);
    let mut backend = refused(weights + (8 << 20), 2048);
    assert!(backend.draw(&job(dir.path()), &mut |_| Control::Continue).is_ok());
}

/// Prompts are encoded once, and again when what encodes them has changed.
#[test]
fn a_prompt_that_was_seen_before_draws_the_same() {
    let dir = model(Layout::Sd15);
    let mut backend = CandleBackend::new(Device::Cpu);
    let mut draw = |prompt: &str, negative: &str| {
        let mut job = job(dir.path());
        (job.params.prompt, job.params.negative_prompt) = (prompt.into(), negative.into());
        backend.draw(&job, &mut |_| Control::Continue).unwrap()
    };
    let long = "word ".repeat(100);
    let cases = [("a", ""), ("b", "a"), ("a", "b"), ("a", &*long), ("a", "")];
    let seen: Vec<_> = cases.iter().map(|(prompt, negative)| draw(prompt, negative)).collect();
    assert_eq!(seen[0], seen[4]);
    for (i, (prompt, negative)) in cases.iter().enumerate() {
        let mut alone = job(dir.path());
        (alone.params.prompt, alone.params.negative_prompt) = (prompt.to_string(), negative.to_string());
        assert_eq!(seen[i], self::draw(&alone));
    }
}

/// With an image encoder and a safety checker in the directory, and the picture is what it is without.
#[test]
fn a_model_looks_at_its_pictures_and_changes_nothing() {
    let dir = model(Layout::Sd15);
    let plain = draw(&job(dir.path()));
    assert_eq!(plain[0].sight, Sight::default());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vision");
    for part in ["image_encoder", "safety_checker"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(fixtures.join(part).join(file), dir.path().join(part).join(file)).unwrap();
        }
    }
    let seen = draw(&job(dir.path()));
    assert_eq!((&seen[0].rgb, seen[0].sight.nsfw.is_some()), (&plain[0].rgb, true));
    let embedding = seen[0].sight.embedding.as_ref().unwrap();
    let length: f32 = embedding.iter().map(|value| value * value).sum();
    assert!(embedding.len() == 20 && (length - 1.0).abs() < 1e-5);
    let text = protocol::runner::embedding_text(embedding);
    assert_eq!(protocol::runner::embedding_vector(&text).as_ref(), Some(embedding));
    for (file, text, code) in [
        ("image_encoder/config.json", r#"{"patch_size": 0}"#, Code::ModelConfigInvalid),
        ("image_encoder/config.json", r#"{"image_size": 1000000000}"#, Code::ModelConfigInvalid),
        ("safety_checker/config.json", "{}", Code::ModelConfigInvalid),
        ("safety_checker/model.safetensors", "x", Code::WeightsInvalid),
    ] {
        let path = dir.path().join(file);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        assert_eq!(refusal(&job(dir.path())).code, code, "{file} {text}");
        std::fs::write(path, before).unwrap();
    }
}

/// Files of other ages: the autoencoder's attention under its first names, the text encoder without its outer name.
#[test]
fn older_and_newer_names_of_tensors_are_known() {
    let dir = model(Layout::Sd15);
    let job = job(dir.path());
    let expected = draw(&job);
    let rename = |file: &str, changes: &[(&str, &str)]| {
        let path = dir.path().join(file);
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        let names = |name: String| changes.iter().fold(name, |name, (from, to)| name.replace(from, to));
        let renamed: HashMap<_, _> = tensors.into_iter().map(|(name, tensor)| (names(name), tensor)).collect();
        std::fs::remove_file(&path).unwrap();
        candle_core::safetensors::save(&renamed, path).unwrap();
    };
    let old = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")];
    rename("vae/diffusion_pytorch_model.safetensors", &old);
    rename("text_encoder/model.safetensors", &[("text_model.", "")]);
    assert_eq!(draw(&job), expected);
}

#[test]
fn tiny_models_are_reproducible_and_small() {
    let read = |seed| {
        let dir = tempfile::TempDir::new().unwrap();
        tiny::write(dir.path(), Layout::Sd15, seed).unwrap();
        std::fs::read(dir.path().join("unet/diffusion_pytorch_model.safetensors")).unwrap()
    };
    let first = read(3);
    assert!(first.len() < 4 << 20);
    assert!(first == read(3), "the same seed, other bytes");
    assert!(first != read(4), "another seed, the same bytes");
}

//! What holds for every sampler, on tiny models, and files that would mislead them.

mod support;

use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Picture, Progress, Rgb};
use gpu_runner::models::config::Config;
use gpu_runner::noise::Noise;
use gpu_runner::schedulers::{Sampler, Schedule};
use gpu_runner::tiny::Layout;
use gpu_runner::{Code, DrawError};
use protocol::runner::DrawParams;
use serde_json::{Value, json};
use support::model;

fn job(model: &Path, sampler: Sampler, strength: Option<f64>) -> DrawJob {
    let (width, height) = (72, 64);
    let params = DrawParams {
        prompt: "a red fox in the snow".into(),
        negative_prompt: "dark".into(),
        width,
        height,
        num_inference_steps: 5,
        guidance_scale: 7.5,
        scheduler: sampler.name().into(),
        seed: 7,
        n: 1,
        from_images: strength.map(|_| "picture".into()).into_iter().collect(),
        strength,
        mask: None,
        auto_aspect: false,
        loras: Vec::new(),
        model: None,
    };
    let mut job = DrawJob::new(model.to_path_buf(), params);
    let bytes = (0..3 * width * height).map(|i| (i * 7 % 251) as u8).collect();
    job.from = strength.map(|_| Rgb { width, height, bytes }).into_iter().collect();
    job.keep_latents = true;
    job
}

fn draw(job: &DrawJob) -> (Vec<Picture>, Vec<Progress>) {
    let mut seen = Vec::new();
    let pictures = CandleBackend::new(Device::Cpu).draw(job, &mut |progress| {
        seen.push(progress);
        Control::Continue
    });
    (pictures.unwrap(), seen)
}

/// Bit for bit, with noise on the way and memories of earlier steps; and they differ from each other.
#[test]
fn a_picture_is_the_same_whatever_the_batch() {
    let dir = model(Layout::Sd15);
    for strength in [None, Some(0.6)] {
        let mut all: Vec<Picture> = Vec::new();
        for sampler in Sampler::ALL {
            let mut batch = job(dir.path(), sampler, strength);
            batch.params.n = 2;
            let (together, _) = draw(&batch);
            for (i, picture) in together.iter().enumerate() {
                let mut alone = job(dir.path(), sampler, strength);
                alone.params.seed += i as u32;
                assert_eq!(draw(&alone).0, std::slice::from_ref(picture), "{sampler:?}");
                assert!(all.iter().all(|before| before.latents != picture.latents), "{sampler:?}");
            }
            all.extend(together);
        }
    }
}

/// Calls of the denoiser are what is counted, where there are more of them than steps.
#[test]
fn progress_counts_calls_and_previews_are_not_washed_out() {
    let dir = model(Layout::Sd2);
    // Runge–Kutta unless the file skips it, and this one does not say.
    let calls = |sampler| if sampler == Sampler::Pndm { 12 + 2 } else { 5 };
    for sampler in Sampler::ALL {
        let mut job = job(dir.path(), sampler, None);
        job.preview_every = 1;
        let (_, seen) = draw(&job);
        let steps: Vec<usize> = seen.iter().map(|progress| progress.step).collect();
        assert_eq!(steps, (0..=calls(sampler)).collect::<Vec<_>>(), "{sampler:?}");
        assert!(seen.iter().all(|progress| progress.steps == calls(sampler)), "{sampler:?}");
        let first = seen[1].preview.as_ref().unwrap();
        let extreme = first.bytes.iter().filter(|byte| [0, 255].contains(*byte)).count();
        assert!(extreme * 2 < first.bytes.len(), "{sampler:?}: {extreme} of {}", first.bytes.len());
    }
}

fn started(config: Value, sampler: Sampler, steps: usize) -> Result<usize, DrawError> {
    let config: Config = serde_json::from_value(config).unwrap();
    let scheduler = sampler.start(&Schedule::checked(&config)?.overruled(), steps)?;
    assert!(scheduler.timesteps().iter().all(|time| time.is_finite() && *time >= 0.0), "{config:?}");
    Ok(scheduler.timesteps().len())
}

#[test]
fn what_a_sampler_does_not_do_is_named() {
    use Code::{ModelConfigInvalid as Invalid, ModelUnsupported as Unsupported, RequestInvalid as Request};
    use Sampler::{Ddim, Dpm, Euler, EulerAncestral, Lms, Pndm};
    let betas: Vec<f64> = (0..20).map(|i| if i == 0 { 0.1 } else { 0.0 }).collect();
    let flat = json!({"num_train_timesteps": 20, "trained_betas": betas});
    let cases = [
        (Dpm, json!({"algorithm_type": "sde-dpmsolver++"}), Unsupported),
        (Dpm, json!({"algorithm_type": "dpmsolver"}), Unsupported),
        (Dpm, json!({"algorithm_type": 3}), Invalid),
        (Dpm, json!({"solver_type": "euler"}), Unsupported),
        (Dpm, json!({"solver_order": 0}), Invalid),
        (Dpm, json!({"solver_order": 4}), Invalid),
        (Dpm, json!({"solver_order": -1}), Invalid),
        (Dpm, json!({"lambda_min_clipped": "Infinity"}), Invalid),
        (Dpm, json!({"lambda_min_clipped": 1e9}), Invalid),
        (Dpm, json!({"lambda_min_clipped": -1.0, "timestep_spacing": "trailing"}), Unsupported),
        (Dpm, json!({"use_exponential_sigmas": true}), Unsupported),
        (Dpm, json!({"use_karras_sigmas": true, "beta_schedule": "squaredcos_cap_v2"}), Unsupported),
        (Dpm, json!({"use_flow_sigmas": true}), Unsupported),
        (Dpm, json!({"variance_type": "learned_range"}), Unsupported),
        (Euler, json!({"interpolation_type": "log_linear"}), Unsupported),
        (Euler, json!({"timestep_type": "continuous", "prediction_type": "v_prediction"}), Unsupported),
        (Euler, json!({"final_sigmas_type": "max"}), Invalid),
        (Euler, json!({"use_karras_sigmas": true, "use_exponential_sigmas": true}), Invalid),
        (Euler, json!({"use_karras_sigmas": true, "sigma_min": 0}), Invalid),
        (Euler, json!({"use_karras_sigmas": true, "sigma_max": -1e300}), Invalid),
        (Euler, json!({"beta_start": 0.99, "beta_end": 0.9999}), Invalid),
        (Euler, json!({"beta_start": 0}), Invalid),
        (Lms, json!({"use_beta_sigmas": true}), Unsupported),
        (EulerAncestral, json!({"prediction_type": "sample"}), Unsupported),
        (Pndm, json!({"prediction_type": "sample"}), Unsupported),
        (Pndm, json!({"beta_start": 0.99, "beta_end": 0.9999}), Invalid),
        (Pndm, json!({"skip_prk_steps": "no"}), Invalid),
        (Ddim, json!({"set_alpha_to_one": 2}), Invalid),
        (Ddim, json!({"beta_start": -0.1}), Invalid),
        (Ddim, json!({"beta_start": 1e-300}), Invalid),
        (Ddim, json!({"num_train_timesteps": 1, "prediction_type": "sample", "rescale_betas_zero_snr": true}), Invalid),
        (Lms, flat.clone(), Invalid),
        (Dpm, flat, Invalid),
        (Ddim, json!({"beta_start": -0.1, "beta_schedule": "scaled_linear"}), Invalid),
        (Ddim, json!({"num_train_timesteps": 1_000_000_000}), Invalid),
        (Ddim, json!({"timestep_spacing": "even"}), Invalid),
    ];
    for (sampler, config, code) in cases {
        let error = started(config.clone(), sampler, 20).expect_err(&config.to_string());
        assert_eq!(error.code, code, "{sampler:?} {config}: {error}");
    }
    for sampler in Sampler::ALL {
        for steps in [0, 1001, 1_000_000_000, usize::MAX] {
            assert_eq!(started(json!({}), sampler, steps).unwrap_err().code, Request, "{sampler:?} {steps}");
        }
    }
    // Its first steps by Runge–Kutta are four calls each, at times of four steps.
    assert_eq!(started(json!({}), Pndm, 3).unwrap_err().code, Request);
    assert_eq!(started(json!({}), Pndm, 4).unwrap(), 13);
    for name in ["", "ddim", "K_EULER ", "DDIM\0", "DPMSolverSDE"] {
        assert_eq!(Sampler::parse(name).unwrap_err().code, Request);
    }
    // Another class's keys are no business of this one's.
    assert_eq!(started(json!({"algorithm_type": "sde-dpmsolver++", "use_flow_sigmas": true}), Ddim, 20).unwrap(), 20);
}

/// Any value of any key with any number of steps: a run that can be walked to its end, or an error with a code.
#[test]
fn no_value_of_any_key_makes_a_sampler_panic() {
    let nasty = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(0.999),
        json!(1e-300),
        json!(1e300),
        json!(u64::MAX),
        json!("x"),
        json!("-Infinity"),
        json!([]),
        json!([0.5]),
        json!({}),
    ];
    let keys = [
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "trained_betas",
        "prediction_type",
        "timestep_spacing",
        "steps_offset",
        "rescale_betas_zero_snr",
        "clip_sample",
        "clip_sample_range",
        "set_alpha_to_one",
        "skip_prk_steps",
        "solver_order",
        "algorithm_type",
        "solver_type",
        "lower_order_final",
        "euler_at_final",
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_lu_lambdas",
        "sigma_min",
        "sigma_max",
        "final_sigmas_type",
        "lambda_min_clipped",
        "variance_type",
        "interpolation_type",
        "timestep_type",
        "_class_name",
    ];
    let bases = [
        json!({"skip_prk_steps": true}),
        json!({"prediction_type": "v_prediction", "use_karras_sigmas": true, "timestep_spacing": "trailing"}),
        json!({"prediction_type": "v_prediction", "rescale_betas_zero_snr": true, "timestep_spacing": "linspace"}),
    ];
    let (mut walked, mut refused) = (0, 0);
    for base in &bases {
        for key in keys {
            for value in &nasty {
                let mut config = base.clone();
                config[key] = value.clone();
                let config: Config = serde_json::from_value(config).unwrap();
                let Ok(schedule) = Schedule::checked(&config) else {
                    refused += 1;
                    continue;
                };
                let schedule = schedule.overruled();
                for sampler in Sampler::ALL {
                    for steps in [1, 2, 20] {
                        match sampler.start(&schedule, steps) {
                            Ok(mut run) => {
                                walked += 1;
                                let mut noise = Noise::new(1);
                                let unit = Tensor::new(&[[0.5f32]], &Device::Cpu).unwrap();
                                let mut x = unit.clone();
                                for i in 0..run.timesteps().len() {
                                    let out = run.scale_input(&x, i).unwrap();
                                    run.add_noise(&unit, &unit, i).unwrap();
                                    x = run.step(&out, i, &x, &mut noise).unwrap();
                                }
                                let end = x.sum_all().unwrap().to_scalar::<f32>().unwrap();
                                assert!(end.is_finite(), "{sampler:?} {steps} {config:?}");
                                let past = run.timesteps().len();
                                assert!(run.step(&unit, past, &x, &mut noise).is_err());
                                assert!(run.step(&unit, usize::MAX, &x, &mut noise).is_err());
                            }
                            Err(error) => {
                                refused += 1;
                                assert_ne!(error.code, Code::Internal, "{key} = {value}: {error}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(walked > 5000 && refused > 1000, "{walked} and {refused}");
}

/// As the reference's tools write it: `lambda_min_clipped` is no JSON.
#[test]
fn files_of_dpm_solver_are_read_as_they_are_written() {
    let dir = model(Layout::Sd15);
    let path = dir.path().join("scheduler/scheduler_config.json");
    let before = draw(&job(dir.path(), Sampler::Dpm, None)).0;
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["_class_name"] = json!("DPMSolverMultistepScheduler");
    let text = config.to_string();
    fs::write(&path, format!("{},\n  \"lambda_min_clipped\": -Infinity\n}}", text.strip_suffix('}').unwrap())).unwrap();
    assert_eq!(draw(&job(dir.path(), Sampler::Dpm, None)).0, before);
}

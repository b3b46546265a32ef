use candle_core::{Device, Tensor};
use gpu_runner::models::config::Config;
use gpu_runner::noise::Noise;
use gpu_runner::schedulers::{Sampler, Schedule};
use serde::Deserialize;

use crate::reference::RUN;

#[derive(Deserialize)]
struct Run {
    sampler: String,
    config: Config,
    steps: usize,
    timesteps: Vec<f64>,
    start: Vec<f32>,
    end: Vec<f32>,
}

/// Every beta schedule, spacing and prediction, over the denoiser sin(2x)/2 + t/2000.
#[test]
fn samplers_walk_the_same_way() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/schedules.json");
    let runs: Vec<Run> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(runs.len() >= 18);
    for (number, run) in runs.iter().enumerate() {
        let schedule = Schedule::checked(&run.config).unwrap();
        let mut scheduler = Sampler::parse(&run.sampler).unwrap().start(&schedule, run.steps).unwrap();
        assert_eq!(scheduler.timesteps(), run.timesteps, "run {number}");
        let mut noise = Noise::new(0);
        let start = Tensor::new(run.start.as_slice(), &Device::Cpu).unwrap();
        let mut x = (start * scheduler.initial_sigma()).unwrap();
        for (i, t) in scheduler.timesteps().to_vec().into_iter().enumerate() {
            let shown = scheduler.scale_input(&x, i).unwrap();
            let out = ((shown * 2.0).unwrap().sin().unwrap() / 2.0).unwrap();
            x = scheduler.step(&(out + t / 2000.0).unwrap(), i, &x, &mut noise).unwrap();
        }
        let largest = run.end.iter().fold(0f32, |m, v| m.max(v.abs()));
        for (seen, expected) in x.to_vec1::<f32>().unwrap().iter().zip(&run.end) {
            assert!((seen - expected).abs() <= RUN * largest, "run {number}: {seen} and {expected}");
        }
    }
}

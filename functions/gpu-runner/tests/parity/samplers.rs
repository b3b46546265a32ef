//! The six samplers, set up from files of many kinds.

use candle_core::{Device, Tensor};
use gpu_runner::models::config::Config;
use gpu_runner::noise::Noise;
use gpu_runner::schedulers::{Sampler, Schedule, Scheduler};
use serde::Deserialize;

use crate::reference::RUN;

#[derive(Deserialize)]
struct Fixture {
    files: Vec<Config>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    file: usize,
    sampler: String,
    steps: usize,
    begin: usize,
    end: Vec<f32>,
    /// Of runs from noise alone.
    #[serde(default)]
    layout: Option<Layout>,
}

#[derive(Deserialize)]
struct Layout {
    initial_sigma: f64,
    timesteps: Vec<f64>,
    sigmas: Vec<f64>,
}

impl Fixture {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/samplers.json");
        let fixture: Self = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(fixture.runs.len() > 300);
        fixture
    }

    fn start(&self, run: &Run) -> Box<dyn Scheduler> {
        let schedule = Schedule::checked(&self.files[run.file]).unwrap().overruled();
        Sampler::parse(&run.sampler).unwrap().start(&schedule, run.steps).unwrap()
    }
}

fn name(run: &Run) -> String {
    format!("{} of file {}, {} steps from {}", run.sampler, run.file, run.steps, run.begin)
}

fn row(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap()
}

/// Times of the calls, and how much noise there is at each.
#[test]
fn schedules_are_laid_out_the_same() {
    let fixture = Fixture::read();
    for run in &fixture.runs {
        let Some(layout) = &run.layout else { continue };
        let scheduler = fixture.start(run);
        assert_eq!(scheduler.timesteps().len(), layout.timesteps.len(), "{}", name(run));
        for (seen, expected) in scheduler.timesteps().iter().zip(&layout.timesteps) {
            // The reference finds the times of some σ with logarithms in single precision.
            assert!((seen - expected).abs() < 1e-2, "{}: time {seen} and {expected}", name(run));
        }
        let (nothing, unit) = (row(&[0.0]), row(&[1.0]));
        for (i, expected) in layout.sigmas.iter().enumerate() {
            let seen = scheduler.add_noise(&nothing, &unit, i).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            // The reference's 1 − ᾱ has what single precision leaves of it.
            let (seen, rest) = (f64::from(seen), (f64::from(seen).powi(2) - expected.powi(2)).abs());
            assert!((seen / expected - 1.0).abs() < 1e-4 || rest < 1e-7, "{}: {i}: {seen} and {expected}", name(run));
        }
        assert!((scheduler.initial_sigma() / layout.initial_sigma - 1.0).abs() < 1e-4, "{}", name(run));
        assert!(scheduler.add_noise(&nothing, &unit, layout.sigmas.len()).is_err(), "{}", name(run));
    }
}

/// From noise and from a picture, over the denoiser sin(2x)/2 + t/2000.
#[test]
fn runs_end_the_same() {
    let fixture = Fixture::read();
    let mut worst = 0.0;
    for run in &fixture.runs {
        let mut scheduler = fixture.start(run);
        let mut noise = Noise::new(run.steps as u64);
        let start = row(&[-3.0, -1.8, -0.6, 0.6, 1.8, 3.0]);
        let mut x = match run.begin {
            0 => (start * scheduler.initial_sigma()).unwrap(),
            begin => scheduler.add_noise(&start.cos().unwrap(), &start, begin).unwrap(),
        };
        for (i, t) in scheduler.timesteps().to_vec().into_iter().enumerate().skip(run.begin) {
            let shown = scheduler.scale_input(&x, i).unwrap();
            let out = ((shown * 2.0).unwrap().sin().unwrap() / 2.0).unwrap();
            x = scheduler.step(&(out + t / 2000.0).unwrap(), i, &x, &mut noise).unwrap();
        }
        let largest = run.end.iter().fold(0f32, |m, v| m.max(v.abs()));
        for (seen, expected) in x.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().zip(&run.end) {
            let apart = (seen - expected).abs() / largest;
            worst = f32::max(worst, apart);
            assert!(apart <= RUN, "{}: {seen} and {expected}: {apart:e}", name(run));
        }
    }
    println!("{} runs: {worst:.2e}", fixture.runs.len());
}

//! A runner on a thread of its own, as in production, with a backend that a test lets go step by step.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use gpu_runner::DrawError;
use gpu_runner::backend::{Backend, Control, DrawJob, FakeBackend, Loaded, Picture, Progress, Sight};
use gpu_runner::memory_budget::MemoryBudget;
use gpu_runner::serve::stop::{self, Stopper};
use gpu_runner::serve::{Config, MakeBackend, OwnModel, Pace, TaskType, TrainingOptions, serve};
use protocol::runner::{DrawParams, Register};
use tokio::select;
use tokio::sync::oneshot;

use crate::edge::{QUEUE, REGISTRATION};

/// How many steps the backend may still do.
#[derive(Default)]
pub struct Gate {
    steps: Mutex<usize>,
    opened: Condvar,
    /// Backends made.
    pub made: AtomicUsize,
    /// Steps that were announced, over all jobs.
    pub announced: AtomicUsize,
    /// Whether loading a model is a step as well.
    pub loads: AtomicBool,
    /// Jobs that came to the backend.
    pub jobs: Mutex<Vec<DrawJob>>,
}

impl Gate {
    pub fn open(&self, steps: usize) {
        let mut left = self.steps.lock().unwrap();
        *left = left.saturating_add(steps);
        self.opened.notify_all();
    }

    pub fn pass(&self) {
        let left = self.steps.lock().unwrap();
        let mut left = self.opened.wait_while(left, |left| *left == 0).unwrap();
        *left -= 1;
    }
}

/// Draws as `FakeBackend` does, waits at the gate after each announcement; panics when the prompt says so.
struct Gated {
    inner: FakeBackend,
    gate: Arc<Gate>,
}

impl Backend for Gated {
    fn prepare(&mut self, job: &DrawJob) -> Result<(), DrawError> {
        if self.gate.loads.load(Ordering::SeqCst) && !self.loaded().iter().any(|loaded| loaded.path == job.model) {
            self.gate.pass();
        }
        self.inner.prepare(job)
    }

    fn loaded(&self) -> Vec<Loaded> {
        self.inner.loaded()
    }

    fn draw(&mut self, job: &DrawJob, events: &mut dyn FnMut(Progress) -> Control) -> Result<Vec<Picture>, DrawError> {
        let gate = &self.gate;
        gate.jobs.lock().unwrap().push(job.clone());
        self.inner.draw(job, &mut |progress| {
            assert!(job.params.prompt != "panic", "as the prompt says");
            gate.announced.fetch_add(1, Ordering::SeqCst);
            let control = events(progress);
            if control == Control::Continue {
                gate.pass();
            }
            control
        })
    }
}

pub struct Runner {
    pub gate: Arc<Gate>,
    pub stopper: Stopper,
    /// Dropped, the runner is gone in the middle of whatever it does.
    kill: Option<oneshot::Sender<()>>,
    ended: oneshot::Receiver<anyhow::Result<()>>,
}

impl Runner {
    /// With the gate wide open.
    pub fn free(edge: &str) -> Self {
        let runner = Self::gated(edge, |_| {});
        runner.gate.open(usize::MAX);
        runner
    }

    pub fn gated(edge: &str, change: impl FnOnce(&mut Config)) -> Self {
        let gate = Arc::new(Gate::default());
        let make: MakeBackend = {
            let gate = gate.clone();
            Arc::new(move || {
                gate.made.fetch_add(1, Ordering::SeqCst);
                let sight = Sight { nsfw: Some(false), embedding: Some(vec![0.6, -0.8]) };
                // What it starts with is loaded: that is told in tests of it alone.
                let models = vec![Loaded { path: "fake".into(), bytes: 1 }];
                Box::new(Gated { inner: FakeBackend { sight, models, ..Default::default() }, gate: gate.clone() })
            })
        };
        let mut config = config(edge);
        change(&mut config);
        let (stopper, stop) = stop::channel();
        let (sender, ended) = oneshot::channel();
        let (kill, killed) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let ended = runtime.block_on(async {
                select! {
                    ended = serve(config, make, stop) => ended,
                    _ = killed => Ok(()),
                }
            });
            sender.send(ended)
        });
        Self { gate, stopper, kill: Some(kill), ended }
    }

    /// Ends it without a word to the edge.
    pub async fn kill(mut self) {
        self.kill = None;
        self.ended().await.unwrap();
    }

    /// Waits for the end without asking for it.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        let ended = tokio::time::timeout(Duration::from_secs(30), &mut self.ended).await;
        ended.expect("the runner does not end").expect("the runner panicked")
    }

    pub async fn stop(mut self) {
        self.stopper.stop();
        self.ended().await.unwrap();
    }
}

fn config(edge: &str) -> Config {
    let edge: reqwest::Url = edge.parse().unwrap();
    Config {
        queue: edge.join("client/v4/accounts/local").unwrap(),
        edge,
        registration_token: REGISTRATION.into(),
        queue_token: QUEUE.into(),
        register: Register {
            name: "test".into(),
            kind: String::new(),
            gpu: "none".into(),
            memory: 0,
            version: "0".into(),
            models: vec!["fake".into()],
        },
        types: vec![TaskType::Inference],
        models: vec![OwnModel { path: "fake".into(), id: None }],
        cache: "no-such-directory".into(),
        cache_size: 1 << 20,
        preview_every: Some(2),
        training: TrainingOptions {
            device: candle_core::Device::Cpu,
            tokenizer: None,
            memory: MemoryBudget::default(),
            kept_for_drawing: 0,
            state_every: Duration::from_secs(3600),
            state_every_steps: 0,
            sample_every: Some(0),
            after_step: None,
        },
        pace: Pace {
            poll: Duration::from_millis(1),
            backoff: Duration::from_millis(1),
            backoff_most: Duration::from_millis(4),
            // Not by itself, unless a test wants it.
            beat: Duration::from_secs(3600),
            heartbeat: Duration::from_secs(3600),
            training_report: Duration::ZERO,
            ..Pace::default()
        },
    }
}

pub fn params(prompt: &str, steps: u32, n: u32) -> DrawParams {
    DrawParams {
        prompt: prompt.into(),
        negative_prompt: String::new(),
        width: 64,
        height: 72,
        num_inference_steps: steps,
        guidance_scale: 7.5,
        scheduler: "DDIM".into(),
        seed: 41,
        n,
        from_images: Vec::new(),
        strength: None,
        mask: None,
        auto_aspect: false,
        loras: Vec::new(),
        model: None,
    }
}

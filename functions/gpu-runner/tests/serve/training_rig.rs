//! A runner that trains a tiny model, and images for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gpu_runner::backend::Rgb;
use gpu_runner::serve::{Config, OwnModel, TaskType};
use gpu_runner::tiny::{self, Layout};
use protocol::runner::{ModelKind, TrainParams};
use serde_json::Value;
use tempfile::TempDir;

use crate::edge::{Call, Edge};
use crate::rig::{Gate, Runner};

/// A training of so many steps on the runner's own model.
pub fn training(kind: ModelKind, steps: u32) -> TrainParams {
    TrainParams {
        kind,
        name: "red fox".into(),
        model: None,
        trigger_words: "sks fox, red".into(),
        steps: Some(steps),
        epochs: None,
        learning_rate: Some(1e-3),
        batch_size: 2,
        rank: 2,
        resolution: None,
        seed: 7,
    }
}

/// A picture of 64 × 64, other for each number.
pub fn picture(number: usize) -> Vec<u8> {
    let bytes = (0..3 * 64 * 64).map(|i| ((i * (number + 3)) / 7 % 251) as u8).collect();
    gpu_runner::png::encode(&Rgb { width: 64, height: 64, bytes }, &[]).unwrap()
}

/// A training that waits, of five pictures with captions.
pub fn submit(edge: &Edge, task: i64, params: TrainParams) {
    let files: Vec<Vec<u8>> = (0..5).map(picture).collect();
    let captions = ["a fox", "", "in the snow", "a sks fox, red", "two foxes"];
    let images: Vec<(&[u8], &str)> = files.iter().map(Vec::as_slice).zip(captions).collect();
    edge.trainings(|trainings| trainings.set_images(task, &images));
    edge.submit_training(task, params);
}

/// A runner's model, its cache, and the steps that a test lets its training do.
pub struct Place {
    models: TempDir,
    pub cache: TempDir,
    /// Counts the steps that are done as announced.
    pub steps: Arc<Gate>,
}

impl Place {
    pub fn new() -> Self {
        Self::with(Layout::Sd15)
    }

    pub fn with(layout: Layout) -> Self {
        let place = Self { models: TempDir::new().unwrap(), cache: TempDir::new().unwrap(), steps: Arc::default() };
        tiny::write(&place.model(), layout, 0).unwrap();
        place
    }

    /// The directory of the model. Its name is in the metadata of results, so all runners have the same.
    pub fn model(&self) -> PathBuf {
        self.models.path().join("tiny")
    }

    /// With as many steps as a training wants.
    pub fn free(&self, edge: &Edge, change: impl FnOnce(&mut Config)) -> Runner {
        self.steps.open(usize::MAX);
        self.gated(edge, change)
    }

    /// Waits after each step until it is let go.
    pub fn gated(&self, edge: &Edge, change: impl FnOnce(&mut Config)) -> Runner {
        let (model, cache, steps) = (self.model(), self.cache.path().to_path_buf(), self.steps.clone());
        let runner = Runner::gated(&edge.url, |config| {
            config.types = vec![TaskType::Training];
            config.models = vec![OwnModel { path: model, id: None }];
            config.cache = cache;
            config.cache_size = 1 << 30;
            config.training.after_step = Some(Arc::new(move |step| {
                steps.announced.store(step, std::sync::atomic::Ordering::SeqCst);
                steps.pass();
            }));
            change(config);
        });
        runner.gate.open(usize::MAX);
        runner
    }

    /// Waits until no file of a training is left: those who still write one do so to its end.
    pub async fn emptied(&self) {
        // Only a broken test waits so long.
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.left() > 0 {
            assert!(Instant::now() < deadline, "{} files are left", self.left());
            tokio::task::yield_now().await;
        }
    }

    /// Files below the cache of trainings.
    fn left(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
            let of = |path: PathBuf| if path.is_dir() { count(&path) } else { 1 };
            entries.flatten().map(|entry| of(entry.path())).sum()
        }
        count(&self.cache.path().join("trainings"))
    }
}

/// The end of a training that the edge accepts.
pub async fn end(edge: &mut Edge) -> Call {
    edge.until("an end", |call| matches!(call.what, "trained" | "failed") && call.status == 200).await
}

/// The file of a result.
pub fn result(edge: &Edge, trained: &Value) -> Vec<u8> {
    assert!(trained["key"].is_string(), "{trained}");
    edge.trainings(|trainings| trainings.objects[trained["key"].as_str().unwrap()].clone())
}

/// The result of a training that nothing disturbs.
pub async fn unbroken(params: TrainParams) -> Vec<u8> {
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 1, params);
    let runner = place.free(&edge, |_| {});
    let trained = end(&mut edge).await.json;
    runner.stop().await;
    result(&edge, &trained)
}

//! One training on its thread: from images, a model and a state to the file of the new model. The only part of `serve`
//! that knows the trainer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use candle_core::{DType, Tensor};
use domain::task::MAX_PROMPT;
use protocol::runner::{Phase, TrainParams};
use tracing::{info, warn};

use super::dataset_cache::{Dataset, about_images};
use super::sample_schedule::SampleSchedule;
use super::snapshots::Snapshots;
use super::task_folder::{TaskFolder, link};
use super::training_plan;
use crate::backend::Control;
use crate::memory_budget::Reservation;
use crate::pipeline::{self, Parts};
use crate::serve::config::TrainingOptions;
use crate::serve::drawing_gate::DrawingGate;
use crate::serve::tracker::Tracker;
use crate::train::data::{Batches, Directory, Options};
use crate::train::export::{About, Base, Learning, facts, result};
use crate::train::samples::{Sampler, Samples};
use crate::train::{Examples, Identity, Learned, Plan, Progress, STATE_FILE, State, check_model, memory, train};
use crate::{Code, DrawError};

/// Denoising steps and guidance of a sample, as the command line has them.
const SAMPLE_STEPS: u32 = 20;
const SAMPLE_GUIDANCE: f64 = 7.5;

pub struct TrainingJob {
    pub params: TrainParams,
    /// A directory in the diffusers layout, or a file.
    pub model: PathBuf,
    pub dataset: Dataset,
    pub folder: Arc<TaskFolder>,
    /// The state of an earlier attempt.
    pub state: Option<PathBuf>,
    pub options: TrainingOptions,
    /// Held until the end.
    pub _memory: Reservation,
}

/// What the thread shares with the rest of the runner.
#[derive(Clone)]
pub struct Signals {
    pub tracker: Arc<Tracker>,
    pub snapshots: Arc<Snapshots>,
    pub gate: Arc<DrawingGate>,
}

/// A new model.
pub struct Artifact {
    pub file: PathBuf,
    pub steps: usize,
    /// Times that every image was shown, rounded down.
    pub epochs: usize,
    /// `SD1.5`, `SD2` or `SDXL`.
    pub base_model: &'static str,
    /// A PNG that was drawn with it.
    pub cover: Option<Bytes>,
}

/// Checks that a model can be trained as asked.
///
/// # Errors
///
/// `model_unsupported`, `plan_invalid`, and those of opening the model.
pub fn check(params: &TrainParams, model: &Path, options: &TrainingOptions) -> Result<(), DrawError> {
    check_model(&*pipeline::open(model, options.tokenizer.as_deref())?)?;
    training_plan::plan(params, 1).map(drop)
}

/// Bytes of memory that a training takes.
///
/// # Errors
///
/// Those of `check`.
pub fn bytes(params: &TrainParams, model: &Path, images: usize, options: &TrainingOptions) -> Result<u64, DrawError> {
    let parts = pipeline::open(model, options.tokenizer.as_deref())?;
    let plan = training_plan::plan(params, 1)?;
    memory::bytes(&*parts, &plan, (images, resolution(params, &*parts)?), &options.device)
}

fn resolution(params: &TrainParams, parts: &dyn Parts) -> Result<usize, DrawError> {
    params.resolution.map_or_else(|| pipeline::side(parts), |side| Ok(side as usize))
}

/// Trains from beginning to end.
///
/// # Errors
///
/// `canceled` after the tracker was told to stop: the state of the last step is then among the snapshots. Those of
/// `Directory::open`, of `train` and of writing the result.
pub fn run(job: &TrainingJob, signals: &Signals) -> Result<Artifact, DrawError> {
    signals.tracker.phase(Some(Phase::Loading));
    let params = &job.params;
    let parts = pipeline::open(&job.model, job.options.tokenizer.as_deref())?;
    let resolution = resolution(params, &*parts)?;
    let trigger = training_plan::trigger(params).map(str::to_owned);
    let images = Options { trigger: trigger.clone(), ..Options::at(resolution) };
    let examples = Directory::open(&job.dataset.dir, &images, &|_, _| {}).map_err(|e| about_images(e, &job.dataset))?;
    let per_epoch = Batches::of(&examples, params.batch_size as usize, params.seed.into()).per_epoch();
    let plan = training_plan::plan(params, per_epoch)?;
    let mut base = Base::of(&job.model, &*parts)?;
    if let Some(model) = &params.model {
        base.name.clone_from(&model.name);
    }
    let identity = Identity::of(&plan, &examples, &base.hash);
    let facts = facts(&plan, &examples);
    let about = About { base: &base, title: params.name.clone(), resolution, trigger, facts };
    let samples = samples(job, &*parts, resolution)?;
    let sampler =
        Sampler::new(&samples, &plan, (&job.model, &*parts), &about, job.folder.attempt(), &job.options.device);
    let mut training = Training {
        job,
        signals,
        plan: &plan,
        schedule: SampleSchedule::new(job.options.sample_every, plan.course.steps),
        sampler: sampler.inspect_err(|error| warn!(%error, "no samples are drawn")).ok(),
    };
    let learned = training.learn(&*parts, &examples, &identity)?;
    let file = job.folder.attempt().join("result.safetensors");
    let write = |dtype| {
        let learning = Learning { kind: &plan.kind, model: (&job.model, &*parts), learned: learned.clone() };
        result(&file, learning, &about, dtype)
    };
    match write(DType::F16) {
        // A value that half precision has not.
        Err(error) if error.code == Code::TrainingDiverged => write(DType::F32)?,
        written => written?,
    }
    let cover = training.sample(plan.course.steps, &learned);
    let epochs = plan.course.steps / per_epoch.max(1);
    Ok(Artifact { file, steps: plan.course.steps, epochs, base_model: base.family(), cover })
}

/// Samples as large as the images that are learnt, but not larger than the model's own. Their prompt is the trigger
/// words, or else the first caption.
fn samples(job: &TrainingJob, parts: &dyn Parts, resolution: usize) -> Result<Samples, DrawError> {
    let side = u32::try_from(resolution.min(pipeline::side(parts)?) / 8 * 8).unwrap_or(0);
    let prompt = training_plan::trigger(&job.params).or(job.dataset.caption.as_deref()).unwrap_or_default();
    Ok(Samples {
        prompts: vec![prompt.chars().take(MAX_PROMPT).collect()],
        width: side,
        height: side,
        steps: SAMPLE_STEPS,
        guidance: SAMPLE_GUIDANCE,
        seed: 1,
    })
}

struct Training<'a> {
    job: &'a TrainingJob,
    signals: &'a Signals,
    plan: &'a Plan,
    schedule: SampleSchedule,
    /// None where samples can't be drawn.
    sampler: Option<Sampler<'a>>,
}

impl Training<'_> {
    /// Goes on from the state of the earlier attempt; begins anew where that is of another training.
    fn learn(
        &mut self,
        parts: &dyn Parts,
        examples: &dyn Examples,
        identity: &Identity,
    ) -> Result<BTreeMap<String, Tensor>, DrawError> {
        let dir = self.job.folder.attempt().join("state");
        if let Some(kept) = &self.job.state {
            let place = || fs::create_dir_all(&dir).and_then(|()| link(kept, &dir.join(STATE_FILE)));
            place().map_err(|e| DrawError::new(Code::StateFailed, e.to_string()).at(dir.display()))?;
            match self.learn_in(&dir, parts, examples, identity) {
                Err(error) if error.code == Code::StateMismatch => {
                    warn!(%error, "the state of an earlier attempt is of another training, beginning anew");
                    fs::remove_file(dir.join(STATE_FILE)).ok();
                }
                ended => return ended,
            }
        }
        self.learn_in(&dir, parts, examples, identity)
    }

    fn learn_in(
        &mut self,
        dir: &Path,
        parts: &dyn Parts,
        examples: &dyn Examples,
        identity: &Identity,
    ) -> Result<BTreeMap<String, Tensor>, DrawError> {
        let state = State::open(dir, identity.clone())?;
        let (mut last, mut offered) = (None, None);
        let device = self.job.options.device.clone();
        let learned = train(self.plan, parts, examples, Some(&state), &device, &mut |progress, learned| {
            last = Some(progress.step);
            self.after_step(progress, learned, &state, &mut offered)
        });
        if let (Err(error), Some(step)) = (&learned, last)
            && error.code == Code::Canceled
            && offered != last
        {
            info!(step, "stopped, the state is kept");
            self.signals.snapshots.offer(&state.file(), step)?;
        }
        learned
    }

    fn after_step(
        &mut self,
        progress: &Progress,
        learned: &Learned,
        state: &State,
        offered: &mut Option<usize>,
    ) -> Result<Control, DrawError> {
        let Signals { tracker, snapshots, .. } = self.signals;
        let Progress { step, of, loss, .. } = *progress;
        tracker.trained(step as u32, of as u32, Some(loss));
        let every = self.job.options.state_every_steps as usize;
        let due = every > 0 && step.is_multiple_of(every) && step < of;
        if snapshots.was_asked() || due {
            learned.save(state)?;
            snapshots.offer(&state.file(), step)?;
            *offered = Some(step);
        }
        if self.sampler.is_some() && self.schedule.is_due(step, Instant::now()) {
            match self.sample(step, &learned.tensors()?) {
                Some(png) => tracker.show(png),
                None => self.schedule.stop(),
            }
        }
        if let Some(after_step) = &self.job.options.after_step {
            after_step(step);
        }
        Ok(self.wait())
    }

    /// Waits while something is drawn.
    fn wait(&self) -> Control {
        let tracker = &self.signals.tracker;
        self.signals.gate.wait(|| tracker.is_stopped());
        if tracker.is_stopped() { Control::Cancel } else { Control::Continue }
    }

    /// Draws a sample as a PNG. One that can't be drawn is none: the training does not suffer for it.
    fn sample(&mut self, step: usize, learned: &BTreeMap<String, Tensor>) -> Option<Bytes> {
        let mut sampler = self.sampler.take()?;
        let drawn = sampler.draw_while(step, learned.clone(), &mut || self.wait());
        self.sampler = Some(sampler);
        let read = drawn.and_then(|paths| {
            let path = paths.first().ok_or_else(|| DrawError::new(Code::Internal, "no sample"))?;
            let png = fs::read(path).map_err(|e| DrawError::new(Code::StateFailed, e.to_string()))?;
            fs::remove_file(path).ok();
            Ok(png)
        });
        match read {
            Ok(png) => Some(png.into()),
            Err(error) => {
                warn!(step, %error, "no sample");
                None
            }
        }
    }
}

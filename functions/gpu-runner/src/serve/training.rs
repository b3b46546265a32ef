//! One training task from claim to end: what is needed is fetched, the trainer works on a thread of its own, reports
//! and states go to the edge beside it, and the result at the end. Must not know tensors: `training_job` does.

mod dataset_cache;
mod sample_schedule;
mod snapshots;
mod state_upload;
mod task_folder;
mod training_job;
mod training_plan;
mod training_thread;
mod transfer;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use protocol::runner::{LeaseRef, TrainParams, Trained};
use tokio::select;
use tokio::time::sleep;
use tracing::{info, warn};

use super::backoff::Streak;
use super::config::Config;
use super::drawer::Drawer;
use super::drawing_gate::DrawingGate;
use super::failure::Failure;
use super::hold::{Hold, Miss};
use super::http::Fault;
use super::stop::Stop;
use super::task::{End, Unreported, last_word, out_of_time, report_once, say_end, say_failed};
use super::tracker::Tracker;
use super::weights::{self, Files, blocking};
use crate::memory_budget::Reservation;
use crate::{Code, DrawError};
use snapshots::Snapshots;
use state_upload::StateUpload;
use task_folder::TaskFolder;
use training_job::{Artifact, Signals, TrainingJob};
use training_thread::{TrainingThread, Turn};
use transfer::TransferError;

/// What trainings need of the runner.
pub struct Trainer<'a> {
    pub config: &'a Config,
    pub files: &'a Files,
    /// Where drawings are made: models that are loaded there take the memory of a training.
    pub drawer: &'a Drawer,
    pub gate: Arc<DrawingGate>,
    pub thread: TrainingThread,
}

impl<'a> Trainer<'a> {
    pub fn new(config: &'a Config, files: &'a Files, drawer: &'a Drawer, gate: Arc<DrawingGate>) -> Self {
        Self { config, files, drawer, gate, thread: TrainingThread::default() }
    }

    /// Trains a claimed task and says how it ended.
    pub async fn run(&self, hold: &Hold<'_>, params: &TrainParams, stop: &Stop) {
        let task = hold.claim.task_id;
        let tracker = Arc::new(Tracker::new(params.steps.unwrap_or(0)));
        if let Some(state) = &hold.claim.state {
            tracker.expect(state.step);
        }
        // However this ends, and also where it is dropped: the thread ends with its next step.
        let signals = Signals { tracker, snapshots: Arc::new(Snapshots::default()), gate: self.gate.clone() };
        let _stopped = StopWhenDropped(&signals);
        let states = StateUpload::default();
        let (cache, edge) = (self.config.cache.clone(), self.config.edge.to_string());
        let attempt = hold.claim.attempt;
        let folder = match blocking(move || TaskFolder::open(&cache, &edge, task, attempt)).await {
            Ok(folder) => Arc::new(folder),
            Err(error) => {
                warn!(task, %error, "no folder for a training");
                return say_failed(hold, &Failure::no_disk()).await;
            }
        };
        let trained = select! {
            // Finished work comes before all reasons not to finish it.
            biased;
            trained = self.work(hold, params, &folder, (&signals, &states), stop) => trained,
            end = report(hold, &signals.tracker, &states, self.config) => Err(end),
            end = out_of_time(stop, self.config.pace.grace) => Err(end),
        };
        signals.stop();
        last_word(stop, async {
            match trained {
                Ok(trained) => match hold.trained(&trained).await {
                    Ok(()) => info!(task, steps = trained.steps, bytes = trained.size, "trained"),
                    Err(Miss::Lost) => {
                        info!(task, "trained; the lease is gone, by an earlier report or to another runner")
                    }
                    Err(why) => {
                        warn!(task, %why, "the edge does not take the result");
                        return say_failed(hold, &Failure::result_refused()).await;
                    }
                },
                Err(end) => {
                    say_end(hold, &end).await;
                    if !matches!(end, End::Failed(Failure { retryable: false, .. })) {
                        return;
                    }
                }
            }
            folder.remove();
        })
        .await;
        // Another training is asked for when this one's last step is over.
        select! {
            _ended = self.thread.turn() => {}
            () = stop.wanted() => {}
        }
    }

    async fn work(
        &self,
        hold: &Hold<'_>,
        params: &TrainParams,
        folder: &Arc<TaskFolder>,
        (signals, states): (&Signals, &StateUpload),
        stop: &Stop,
    ) -> Result<Trained, End> {
        let not_trained = |error: DrawError| {
            warn!(task = hold.claim.task_id, %error, "not trained");
            End::Failed(Failure::training(&error))
        };
        let (turn, job) = select! {
            prepared = self.prepare(hold, params, folder, &signals.tracker) => prepared?,
            // Nothing is lost yet.
            () = stop.wanted() => return Err(End::Failed(Failure::stopping())),
        };
        let mut training = pin!(training_thread::run(turn, job, signals.clone()));
        let every = self.config.training.state_every;
        let mut uploads = pin!(states.run(hold, folder, &signals.snapshots, every));
        let (mut uploading, mut stopping) = (true, false);
        let trained = loop {
            select! {
                biased;
                trained = &mut training => break trained,
                uploaded = &mut uploads, if uploading => match uploaded {
                    Ok(()) => uploading = false,
                    Err(miss) => return Err(miss.into()),
                },
                () = stop.wanted(), if !stopping => {
                    stopping = true;
                    info!(task = hold.claim.task_id, "keeping the state of the training before stopping");
                    signals.stop();
                }
            }
        };
        match trained {
            Ok(artifact) => store(hold, artifact).await,
            Err(error) if error.code == Code::Canceled && stop.is_wanted() => {
                states.finish();
                if uploading {
                    uploads.await?;
                }
                Err(End::Failed(Failure::stopping()))
            }
            Err(error) => Err(not_trained(error)),
        }
    }

    /// Checks and fetches all that the training begins with.
    async fn prepare(
        &self,
        hold: &Hold<'_>,
        params: &TrainParams,
        folder: &Arc<TaskFolder>,
        tracker: &Tracker,
    ) -> Result<(Turn, TrainingJob), End> {
        let refused = |error: DrawError| {
            warn!(task = hold.claim.task_id, %error, "not trained");
            End::Failed(Failure::training(&error))
        };
        training_plan::check(params).map_err(refused)?;
        let turn = self.thread.turn().await.map_err(refused)?;
        let model = match &params.model {
            Some(model) => weights::model(hold, self.files, tracker, model).await?,
            None => self.files.own.first(),
        };
        let options = self.config.training.clone();
        let (asked, path, checked) = (params.clone(), model.clone(), options.clone());
        beside(move || training_job::check(&asked, &path, &checked)).await.map_err(refused)?;
        tracker.phase(Some(protocol::runner::Phase::Fetching));
        let images = dataset_cache::list(hold, self.config.cache_size).await?;
        let (asked, path, checked, count) = (params.clone(), model.clone(), options.clone(), images.len());
        let bytes = beside(move || training_job::bytes(&asked, &path, count, &checked)).await.map_err(refused)?;
        let memory = self.reserve(bytes).await?;
        let dataset = dataset_cache::fetch(hold, folder, images).await?;
        let state = state(hold, folder).await?;
        let (params, folder) = (params.clone(), folder.clone());
        Ok((turn, TrainingJob { params, model, dataset, folder, state, options, _memory: memory }))
    }

    /// Takes so much memory from the models that are drawn with; they keep room for the runner's own.
    async fn reserve(&self, bytes: u64) -> Result<Reservation, End> {
        let options = &self.config.training;
        let left = options.memory.left().map_or(u64::MAX, |left| left.saturating_sub(options.kept_for_drawing));
        let reserved = if bytes <= left { options.memory.reserve(bytes) } else { None };
        let Some(reserved) = reserved else {
            warn!(bytes, left, "the training does not fit in memory");
            return Err(End::Failed(Failure::too_large(bytes, left)));
        };
        self.drawer.fit().await;
        Ok(reserved)
    }
}

/// Works beside the loop: files are large and discs slow.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DrawError> + Send + 'static,
) -> Result<T, DrawError> {
    let done = blocking(move || Ok(work())).await;
    done.unwrap_or_else(|e| Err(DrawError::new(Code::Internal, e.to_string())))
}

struct StopWhenDropped<'a>(&'a Signals);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Signals {
    /// Ends the training after the step in hand.
    fn stop(&self) {
        self.tracker.stop();
        self.gate.wake();
    }
}

/// The state of an earlier attempt, if there is one that can be used.
async fn state(hold: &Hold<'_>, folder: &Arc<TaskFolder>) -> Result<Option<std::path::PathBuf>, End> {
    let (task, Some(saved)) = (hold.claim.task_id, &hold.claim.state) else { return Ok(None) };
    match transfer::fetch_state(hold, folder, saved).await {
        Ok(path) => {
            info!(task, step = saved.step, "going on where an earlier attempt was");
            Ok(Some(path))
        }
        Err(TransferError::Miss(Miss::Lost)) => Err(End::Lost),
        Err(TransferError::Miss(Miss::Refused(refusal))) => {
            warn!(task, %refusal, "the state of an earlier attempt is gone, beginning anew");
            Ok(None)
        }
        Err(TransferError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            warn!(task, %error, "the state of an earlier attempt is damaged, beginning anew");
            Ok(None)
        }
        Err(error) => {
            warn!(task, ?error, "the state of an earlier attempt can't be had");
            Err(End::Failed(Failure::state_missing()))
        }
    }
}

/// Stores the model and its cover. The fields of the lease are filled in by the report.
async fn store(hold: &Hold<'_>, artifact: Artifact) -> Result<Trained, End> {
    let image = match &artifact.cover {
        Some(png) => Some(hold.store(png).await?),
        None => None,
    };
    let stored = transfer::upload(hold, &artifact.file).await.map_err(|error| match error {
        TransferError::Miss(miss) => End::from(miss),
        TransferError::Io(error) => {
            warn!(task = hold.claim.task_id, %error, "the result can't be read");
            End::Failed(Failure::no_disk())
        }
    })?;
    Ok(Trained {
        lease: LeaseRef { task_id: hold.claim.task_id, attempt: hold.claim.attempt, lease: String::new(), seq: 0 },
        key: stored.key,
        size: stored.size,
        sha256: stored.sha256,
        steps: artifact.steps as u32,
        epochs: artifact.epochs as u32,
        base_model: artifact.base_model.into(),
        image,
    })
}

/// Reports progress and stored states, at most so often, and before the lease gets old. One callback at a time. Ends
/// only with a reason to end the task.
async fn report(hold: &Hold<'_>, tracker: &Tracker, states: &StateUpload, config: &Config) -> End {
    let pace = &config.pace;
    let mut streak = Streak::new("the edge", pace);
    loop {
        select! {
            () = tracker.changed() => {}
            () = states.changed() => {}
            () = sleep(hold.beat()) => {}
        }
        let mut wait: Duration = pace.training_report.min(hold.beat());
        if let Some(stored) = states.unreported() {
            match hold.state_stored(&stored.key, &stored.state).await {
                Ok(()) => states.reported(),
                Err(Fault::Stale) => return End::Lost,
                Err(Fault::Refused(refusal)) => {
                    warn!(task = hold.claim.task_id, %refusal, "the edge does not take a state of the training");
                    states.reported();
                }
                // It is told again below.
                Err(fault) => wait = wait.max(streak.failed(fault).min(hold.beat())),
            }
        }
        match report_once(hold, tracker).await {
            Ok(()) => streak.well(),
            Err(Unreported::End(end)) => return end,
            Err(Unreported::Fault(fault)) => wait = wait.max(streak.failed(fault).min(hold.beat())),
        }
        if hold.is_over() {
            return End::Lost;
        }
        sleep(wait).await;
    }
}

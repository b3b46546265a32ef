//! One task from claim to end: drawing and storing on one side, signs of life on the other, the wish to stop beside
//! them.

use std::sync::Arc;
use std::time::Duration;

use domain::id::hex;
use protocol::runner::{Output, embedding_text};
use sha2::{Digest, Sha256};
use tokio::select;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::backoff::Streak;
use super::config::Pace;
use super::drawer::Drawer;
use super::failure::Failure;
use super::hold::{Hold, Miss};
use super::http::Fault;
use super::inputs;
use super::stop::Stop;
use super::tracker::Tracker;
use super::weights::{self, Files};
use crate::DrawError;
use crate::backend::{self, DrawJob};

/// How long the last callback may take once the runner stops.
const LAST_WORD: Duration = Duration::from_secs(5);

/// How a task ends without a result.
pub enum End {
    Failed(Failure),
    /// The lease is not ours any more: nothing is said, whoever has it now speaks.
    Lost,
}

impl From<Miss> for End {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Lost => End::Lost,
            why => {
                warn!(%why, "the edge does not take the result");
                End::Failed(Failure::result_refused())
            }
        }
    }
}

/// Draws a claimed task and says how it ended.
pub async fn run(hold: &Hold<'_>, (drawer, files): (&Drawer, &Files), job: DrawJob, pace: &Pace, stop: &Stop) {
    let task = hold.claim.task_id;
    let tracker = Arc::new(Tracker::new(job.params.n.saturating_mul(job.steps() as u32)));
    let drawn = select! {
        // Finished work comes before all reasons not to finish it.
        biased;
        drawn = work(hold, (drawer, files), job, &tracker) => drawn,
        end = report(hold, &tracker, pace) => Err(end),
        end = out_of_time(stop, pace.grace) => Err(end),
    };
    // Where the drawing goes on it ends with its next step; a task that comes meanwhile waits for the thread.
    tracker.stop();
    let said = async {
        match drawn {
            Ok(outputs) => {
                let pictures = outputs.len();
                match hold.succeeded(outputs).await {
                    Err(Miss::Lost) => {
                        info!(task, pictures, "done; the lease is gone, by an earlier report or to another runner")
                    }
                    Err(why) => {
                        warn!(task, %why, "the edge does not take the result");
                        say_failed(hold, &Failure::result_refused()).await;
                    }
                    Ok(()) => info!(task, pictures, "done"),
                }
            }
            Err(end) => say_end(hold, &end).await,
        }
    };
    last_word(stop, said).await;
}

/// Waits for the last callback of a task; not long once the runner stops.
pub async fn last_word(stop: &Stop, said: impl Future<Output = ()>) {
    if stop.is_wanted() {
        let _ = timeout(LAST_WORD, said).await;
    } else {
        said.await;
    }
}

/// Reports the end of an attempt without a result; a lost lease is nobody's business.
pub async fn say_end(hold: &Hold<'_>, end: &End) {
    match end {
        End::Failed(failure) => say_failed(hold, failure).await,
        End::Lost => info!(task = hold.claim.task_id, "the lease was lost, the work is dropped"),
    }
}

pub async fn say_failed(hold: &Hold<'_>, failure: &Failure) {
    let Failure { code, retryable, .. } = *failure;
    match hold.failed(failure).await {
        Ok(()) => info!(task = hold.claim.task_id, code, retryable, "ended without a result"),
        Err(miss) => {
            info!(task = hold.claim.task_id, code, ?miss, "ended without a result, which the edge did not take")
        }
    }
}

/// Gets what there is to start from, draws, then stores.
async fn work(
    hold: &Hold<'_>,
    (drawer, files): (&Drawer, &Files),
    mut job: DrawJob,
    tracker: &Arc<Tracker>,
) -> Result<Vec<Output>, End> {
    let not_drawn = |error: DrawError| {
        warn!(task = hold.claim.task_id, %error, "not drawn");
        End::Failed(Failure::from(&error))
    };
    // What is wrong with the numbers shows before anything is fetched for them.
    backend::check(&job.params).map_err(not_drawn)?;
    (job.from, job.mask) = inputs::load(hold, &job.params).await?;
    weights::load(hold, files, tracker, &mut job).await?;
    if let Some(first) = job.from.first() {
        (job.params.width, job.params.height) = (first.width, first.height);
    }
    let drawn = drawer.draw(&job, tracker).await.map_err(not_drawn)?;
    let mut outputs = Vec::with_capacity(drawn.len());
    for picture in drawn {
        outputs.push(Output {
            key: hold.store(&picture.png).await?,
            size: picture.png.len() as u64,
            sha256: hex(&Sha256::digest(&picture.png)),
            width: picture.width,
            height: picture.height,
            seed: picture.seed,
            nsfw: picture.sight.nsfw,
            embedding: picture.sight.embedding.as_deref().map(embedding_text),
        });
    }
    Ok(outputs)
}

/// Reports after each step, and without one before the lease gets old. One callback at a time: what happens during it
/// is in the next. Ends only with a reason to end the task.
async fn report(hold: &Hold<'_>, tracker: &Tracker, pace: &Pace) -> End {
    let mut streak = Streak::new("the edge", pace);
    loop {
        select! {
            () = tracker.changed() => {}
            () = sleep(hold.beat()) => {}
        }
        match report_once(hold, tracker).await {
            Ok(()) => streak.well(),
            Err(Unreported::End(end)) => return end,
            Err(Unreported::Fault(fault)) => sleep(streak.failed(fault).min(hold.beat())).await,
        }
        if hold.is_over() {
            return End::Lost;
        }
    }
}

/// Why a report did not have its effect.
pub enum Unreported {
    /// The edge ends the task.
    End(End),
    /// Another try may succeed.
    Fault(Fault),
}

/// Reports what is newest, after storing a preview that was not stored before.
pub async fn report_once(hold: &Hold<'_>, tracker: &Tracker) -> Result<(), Unreported> {
    let mut note = tracker.take();
    let preview = match note.preview.take() {
        Some(png) => match hold.preview(png).await {
            Ok(key) => Some(key),
            Err(Fault::Stale) => return Err(Unreported::End(End::Lost)),
            Err(fault) => {
                debug!(task = hold.claim.task_id, %fault, "no preview");
                None
            }
        },
        None => None,
    };
    match hold.progress(&note, preview).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(Unreported::End(End::Failed(Failure::canceled()))),
        Err(Fault::Stale) => Err(Unreported::End(End::Lost)),
        Err(fault) => Err(Unreported::Fault(fault)),
    }
}

/// Ends when the runner is to stop and the time it had for that is over.
pub async fn out_of_time(stop: &Stop, grace: Duration) -> End {
    stop.wanted().await;
    info!(?grace, "finishing the task in hand before stopping");
    sleep(grace).await;
    End::Failed(Failure::stopping())
}

//! The models of a task as files on this machine: the runner's own, what is kept here already, or fetched from the edge
//! piece by piece.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use protocol::runner::{AdapterKind, Checkpoint, MAX_ADAPTER_BYTES, Phase, lora_path, model_path};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

use super::failure::Failure;
use super::hold::{Hold, Miss};
use super::kept::{Cache, Wanted};
use super::own::Own;
use super::task::End;
use super::tracker::Tracker;
use crate::backend::DrawJob;

/// So much is in memory of a file at a time.
const PIECE: u64 = 32 << 20;

/// How long to wait for another runner that fetches the same file.
const OTHERS: Duration = Duration::from_millis(500);

/// Where files of models are.
pub struct Files {
    pub own: Own,
    pub kept: Cache,
}

/// Why there is no file.
enum Lack {
    Miss(Miss),
    Io(io::Error),
}

impl From<io::Error> for Lack {
    fn from(error: io::Error) -> Self {
        Lack::Io(error)
    }
}

/// Finds or fetches what the job is drawn with.
pub async fn load(hold: &Hold<'_>, files: &Files, tracker: &Tracker, job: &mut DrawJob) -> Result<(), End> {
    let (task, attempt, params) = (hold.claim.task_id, hold.claim.attempt, job.params.clone());
    let model = params.model.iter().map(Wanted::from);
    let all: Vec<i64> = params.loras.iter().map(Wanted::from).chain(model).map(|wanted| wanted.id).collect();
    let fetching = Fetching { hold, files, tracker, in_use: &all };
    if let Some(model) = &params.model {
        job.model = fetching.model(model).await?;
    }
    for (index, lora) in params.loras.iter().enumerate() {
        let missing = |retryable| Failure::lora_missing(index, retryable);
        let lacking = |lack| lacking(hold, &format!("loras[{index}]"), &lack, missing);
        if lora.size > MAX_ADAPTER_BYTES {
            return Err(lacking(Lack::Io(io::Error::other(format!("{} bytes", lora.size)))));
        }
        let path = fetching.file(&lora_path(task, attempt, index), Wanted::from(lora)).await.map_err(lacking)?;
        match lora.kind {
            AdapterKind::Lora => job.loras.push((path, lora.weight)),
            AdapterKind::Hyper => job.hypernetworks.push((path, lora.weight)),
            AdapterKind::Ti => job.embeddings.push((path, lora.word.clone())),
        }
    }
    tracker.phase(None);
    Ok(())
}

/// Finds or fetches a whole model of the edge's.
pub async fn model(hold: &Hold<'_>, files: &Files, tracker: &Tracker, model: &Checkpoint) -> Result<PathBuf, End> {
    let path = Fetching { hold, files, tracker, in_use: &[model.model_id] }.model(model).await?;
    tracker.phase(None);
    Ok(path)
}

fn lacking(hold: &Hold<'_>, field: &str, lack: &Lack, failure: impl Fn(bool) -> Failure) -> End {
    let task = hold.claim.task_id;
    let gone = match lack {
        Lack::Miss(Miss::Lost) => return End::Lost,
        Lack::Miss(miss) => {
            warn!(task, field, %miss, "the file of a model can't be had");
            matches!(miss, Miss::Refused(refusal) if refusal.status == 404)
        }
        Lack::Io(error) => {
            warn!(task, field, %error, "the file of a model can't be kept");
            false
        }
    };
    End::Failed(failure(!gone))
}

struct Fetching<'a> {
    hold: &'a Hold<'a>,
    files: &'a Files,
    tracker: &'a Tracker,
    /// What may not be deleted for another file.
    in_use: &'a [i64],
}

impl Fetching<'_> {
    /// The model of the task: the runner's own, or the edge's file.
    async fn model(&self, model: &Checkpoint) -> Result<PathBuf, End> {
        if let Some(own) = self.files.own.find(model).await {
            return Ok(own);
        }
        let path = model_path(self.hold.claim.task_id, self.hold.claim.attempt);
        let path = self.file(&path, Wanted::from(model)).await;
        let path = path.map_err(|lack| lacking(self.hold, "model_id", &lack, Failure::model_missing))?;
        self.files.own.call(&path, model);
        Ok(path)
    }

    /// The file of a model, which the edge has at `path`. The lease is extended meanwhile.
    async fn file(&self, path: &str, wanted: Wanted) -> Result<PathBuf, Lack> {
        loop {
            if let Some(kept) = self.files.kept.find(&wanted) {
                return Ok(kept);
            }
            self.tracker.phase(Some(Phase::Fetching));
            let (kept, of, in_use) = (self.files.kept.clone(), wanted.clone(), self.in_use.to_vec());
            let Some(mut part) = blocking(move || kept.begin(&of, &in_use)).await? else {
                sleep(OTHERS).await;
                continue;
            };
            info!(
                task = self.hold.claim.task_id,
                model = wanted.id,
                bytes = wanted.size,
                here = part.have(),
                "fetching"
            );
            while part.have() < wanted.size {
                let range = Range { start: part.have(), end: wanted.size.min(part.have().saturating_add(PIECE)) };
                let piece = self.hold.piece(path, range.clone()).await.map_err(Lack::Miss)?;
                if piece.len() as u64 != range.end - range.start {
                    return Err(io::Error::other(format!("{} bytes of {range:?}", piece.len())).into());
                }
                part = blocking(move || part.add(&piece).map(|()| part)).await?;
            }
            return Ok(blocking(move || part.finish()).await?);
        }
    }
}

/// Beside the loop: files are large and discs slow.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

//! A task in this runner's hands: its lease, the numbers of its callbacks, and how long they are worth repeating. Must
//! not know drawing.

use std::cell::Cell;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::Id;
use domain::training::MAX_IMAGE_BYTES;
use protocol::runner::{
    BeginUpload, Claim, CompleteUpload, DatasetPage, Failed, LeaseRef, Output, Progress, ProgressReply, SavedState,
    StoredState, Succeeded, Trained, UploadedPart, callback_id, dataset_image_path, dataset_path, input_path,
    output_prefix,
};
use serde::Serialize;
use tokio::time::sleep;

use super::backoff::Streak;
use super::config::Pace;
use super::edge::{Edge, token};
use super::failure::Failure;
use super::http::{self, Fault, Refusal};
use super::tracker::Note;

pub struct Hold<'a> {
    pub claim: Claim,
    edge: &'a Edge,
    pace: &'a Pace,
    /// The number of the last callback.
    seq: Cell<i64>,
    /// From here on somebody else may have the task. Counted from when the last callback that was accepted left here,
    /// so never later than the edge's own.
    until: Cell<Instant>,
    /// For how long after that the task is held on to, while the edge does not answer.
    outage: Duration,
}

/// Why a callback about a held task was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The task is somebody else's or at its end.
    Lost,
    /// The edge does not want it.
    Refused(Refusal),
    /// The edge could not be asked, for as long as it was worth trying.
    Unanswered(String),
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Miss::Lost => f.write_str("the lease is gone"),
            Miss::Refused(refusal) => refusal.fmt(f),
            Miss::Unanswered(why) => f.write_str(why),
        }
    }
}

/// The largest picture to start from. The edge refuses larger ones.
const MAX_INPUT: usize = 20 << 20;

/// The edge's code for an upload that is not there, or has other parts.
const UPLOAD_INCOMPLETE: &str = "upload_incomplete";

/// The largest page of a dataset: 500 captions of 2000 characters that JSON escapes, with their hashes.
const MAX_PAGE: usize = 8 << 20;

impl<'a> Hold<'a> {
    /// `asked` is when the claim left here.
    pub fn new(edge: &'a Edge, pace: &'a Pace, claim: Claim, asked: Instant) -> Self {
        let until = Cell::new(asked + lease(&claim));
        Self { claim, edge, pace, seq: Cell::new(0), until, outage: Duration::ZERO }
    }

    /// Holds on to the task for so long after its lease while the edge does not answer. An edge that is down hands the
    /// task to nobody else, and once it is up it takes reports of the lease unless it has ended the attempt.
    pub fn through(self, outage: Duration) -> Self {
        Self { outage, ..self }
    }

    /// The longest silence while the task is held.
    pub fn beat(&self) -> Duration {
        self.pace.beat.min(lease(&self.claim) / 3)
    }

    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Says how far the work is, once: what is newer by the next time goes under the next number. True when the task is
    /// to be cancelled.
    pub async fn progress(&self, note: &Note, preview: Option<String>) -> Result<bool, Fault> {
        let asked = Instant::now();
        let held = self.next();
        let id = callback_id(&held);
        let Note { step, steps, eta_seconds, phase, loss, .. } = *note;
        let body = Progress { lease: held, step, steps, eta_seconds, preview, phase, loss };
        let answer = self.edge.callback("progress", &id, &body, self.patience()).await?;
        let reply: ProgressReply = http::json(&answer)?;
        self.until.set(asked + lease(&self.claim));
        Ok(reply.cancel)
    }

    /// The file of a picture to start from.
    pub async fn input(&self, index: usize) -> Result<Bytes, Miss> {
        let path = input_path(self.claim.task_id, self.claim.attempt, index);
        self.get("the edge's pictures", &path, MAX_INPUT).await
    }

    /// A page of the images of a training, from behind the image `after`.
    pub async fn dataset_page(&self, after: Option<Id>) -> Result<DatasetPage, Miss> {
        let path = dataset_path(self.claim.task_id, self.claim.attempt);
        let get = async || {
            let answer = self.edge.get_after(&path, after, &self.claim.lease, MAX_PAGE, self.within(self.pace.call));
            http::json(&answer.await?)
        };
        self.insist_for(self.pace.inputs, "the edge's dataset", get).await
    }

    /// The file of an image of a training.
    pub async fn dataset_image(&self, image: Id) -> Result<Bytes, Miss> {
        let path = dataset_image_path(self.claim.task_id, self.claim.attempt, image);
        self.get("the edge's dataset", &path, MAX_IMAGE_BYTES).await
    }

    async fn get(&self, of: &'static str, path: &str, most: usize) -> Result<Bytes, Miss> {
        let get = async || self.edge.get(path, &self.claim.lease, most, self.within(self.pace.call)).await;
        self.insist_for(self.pace.inputs, of, get).await
    }

    /// A piece of a model's file, which takes its time; the lease is extended meanwhile.
    pub async fn piece(&self, path: &str, range: Range<u64>) -> Result<Bytes, Miss> {
        let size = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        // A refusal may be longer than the piece.
        let most = size.max(http::MAX_ANSWER);
        let get = async || self.edge.piece(path, &self.claim.lease, &range, most, self.pace.weights).await;
        self.insist_for(self.pace.weights, "the edge's models", get).await
    }

    /// Begins an upload in parts; its key. Each try is another upload: one that was begun without an answer is not
    /// begun again.
    pub async fn begin_upload(&self) -> Result<String, Miss> {
        let begin = async || {
            let key = self.key(".safetensors")?;
            let (id, body) = (format!("upload_{key}"), BeginUpload { lease: self.lease_ref(0), key: key.clone() });
            self.edge.callback("upload", &id, &body, self.within(self.pace.call)).await.map(|_| key)
        };
        self.insist("the edge's storage", begin).await
    }

    /// Uploads a part, which takes its time; the lease is extended meanwhile. Parts are numbered from 1.
    pub async fn upload_part(&self, key: &str, number: u16, part: Bytes) -> Result<UploadedPart, Miss> {
        let lease = &self.claim.lease;
        let put = async || self.edge.put_part((key, number), lease, part.clone(), self.pace.weights).await;
        self.insist_for(self.pace.weights, "the edge's storage", put).await
    }

    /// Puts the parts of an upload together. A repetition of a call that was not answered may find no upload any more:
    /// the report that names the object says whether it is stored.
    pub async fn complete_upload(&self, key: &str, parts: Vec<UploadedPart>) -> Result<(), Miss> {
        let id = format!("complete_{key}");
        let body = CompleteUpload { lease: self.lease_ref(0), key: key.to_owned(), parts };
        let repeated = Cell::new(false);
        let complete = async || match self.edge.callback("complete", &id, &body, self.within(self.pace.call)).await {
            Err(Fault::Refused(refusal)) if repeated.get() && refusal.code == UPLOAD_INCOMPLETE => Ok(()),
            answer => {
                repeated.set(true);
                answer.map(drop)
            }
        };
        self.insist("the edge's storage", complete).await
    }

    /// Reports a stored training state, once: a repetition goes under the next number.
    pub async fn state_stored(&self, key: &str, state: &SavedState) -> Result<(), Fault> {
        let held = self.next();
        let id = callback_id(&held);
        let body = StoredState { lease: held, key: key.to_owned(), state: state.clone() };
        self.edge.callback("state", &id, &body, self.patience()).await.map(drop)
    }

    /// Ends the task with a trained model. The fields of the lease are filled in here.
    pub async fn trained(&self, trained: &Trained) -> Result<(), Miss> {
        let held = self.next();
        let id = callback_id(&held);
        self.end("trained", &id, &Trained { lease: held, ..trained.clone() }).await
    }

    /// Stores a preview, in one attempt that is over before the next sign of life is due; its key.
    pub async fn preview(&self, png: Bytes) -> Result<String, Fault> {
        let key = self.key(".png")?;
        self.edge.put(&key, &self.claim.lease, png, self.within(self.beat())).await?;
        Ok(key)
    }

    /// Stores a picture of the result; its key.
    pub async fn store(&self, png: &Bytes) -> Result<String, Miss> {
        let key = self.key(".png").map_err(|fault| Miss::Unanswered(fault.to_string()))?;
        // Megabytes over a slow line take their time; the lease is extended meanwhile.
        let put = async || self.edge.put(&key, &self.claim.lease, png.clone(), self.within(self.pace.call)).await;
        self.insist("the edge's storage", put).await?;
        Ok(key)
    }

    /// Ends the task with its pictures.
    pub async fn succeeded(&self, outputs: Vec<Output>) -> Result<(), Miss> {
        let held = self.next();
        let id = callback_id(&held);
        self.end("succeeded", &id, &Succeeded { lease: held, outputs }).await
    }

    /// Ends the attempt without pictures.
    pub async fn failed(&self, failure: &Failure) -> Result<(), Miss> {
        let held = self.next();
        let id = callback_id(&held);
        let Failure { code, message, retryable } = failure.clone();
        self.end("failed", &id, &Failed { lease: held, code: code.into(), message, retryable }).await
    }

    /// The last callback. The edge may have taken it although its answer did not arrive; a repetition is then told that
    /// the lease is gone, which from here looks like any other loss and needs no other treatment.
    async fn end(&self, name: &str, id: &str, body: &impl Serialize) -> Result<(), Miss> {
        self.insist("the edge", async || self.edge.callback(name, id, body, self.patience()).await.map(drop)).await
    }

    /// Repeats a call for as long as the lease can hold.
    async fn insist<T>(&self, of: &'static str, call: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Miss> {
        let mut streak = Streak::new(of, self.pace);
        while !self.is_over() {
            match call().await {
                Ok(answer) => {
                    streak.well();
                    return Ok(answer);
                }
                Err(Fault::Stale) => return Err(Miss::Lost),
                Err(Fault::Refused(refusal)) => return Err(Miss::Refused(refusal)),
                Err(fault) => sleep(self.within(streak.failed(fault))).await,
            }
        }
        Err(Miss::Lost)
    }

    /// Repeats a call that fails in passing for at most `time`. The lease lives on while the edge answers other calls,
    /// so it does not end the trying.
    async fn insist_for<T>(
        &self,
        time: Duration,
        of: &'static str,
        call: impl AsyncFn() -> Result<T, Fault>,
    ) -> Result<T, Miss> {
        let began = Instant::now();
        let call = async || match call().await {
            Err(Fault::Passing(why)) if began.elapsed() >= time => Ok(Err(Miss::Unanswered(why))),
            answer => answer.map(Ok),
        };
        self.insist(of, call).await?
    }

    fn next(&self) -> LeaseRef {
        self.seq.set(self.seq.get() + 1);
        self.lease_ref(self.seq.get())
    }

    fn lease_ref(&self, seq: i64) -> LeaseRef {
        let Claim { task_id, attempt, ref lease, .. } = self.claim;
        LeaseRef { task_id, attempt, lease: lease.clone(), seq }
    }

    /// A new key of this attempt.
    fn key(&self, extension: &str) -> Result<String, Fault> {
        Ok(format!("{}{}{extension}", output_prefix(self.claim.task_id, self.claim.attempt), token()?))
    }

    fn left(&self) -> Duration {
        (self.until.get() + self.outage).saturating_duration_since(Instant::now())
    }

    /// How long to wait for the answer to a callback: one that hangs must leave time for another.
    fn patience(&self) -> Duration {
        self.within(lease(&self.claim) / 3)
    }

    fn within(&self, time: Duration) -> Duration {
        time.min(self.left())
    }
}

fn lease(claim: &Claim) -> Duration {
    Duration::from_millis(claim.lease_ms.unsigned_abs())
}

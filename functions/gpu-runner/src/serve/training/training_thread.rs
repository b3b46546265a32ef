//! The thread of a training. One at a time: what was told to stop has up to a step to do so, and the next waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::training_job::{self, Artifact, Signals, TrainingJob};
use crate::{Code, DrawError};

pub struct TrainingThread(Arc<Semaphore>);

/// The right to train, which the thread has until its end.
pub struct Turn(#[expect(dead_code, reason = "dropped at the end")] OwnedSemaphorePermit);

impl Default for TrainingThread {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl TrainingThread {
    /// Waits until no other training is at work.
    ///
    /// # Errors
    ///
    /// `internal`, never: the semaphore is not closed.
    pub async fn turn(&self) -> Result<Turn, DrawError> {
        let permit = self.0.clone().acquire_owned().await;
        permit.map(Turn).map_err(|e| DrawError::new(Code::Internal, e.to_string()))
    }
}

/// Trains on a thread of its own.
pub async fn run(turn: Turn, job: TrainingJob, signals: Signals) -> Result<Artifact, DrawError> {
    let (reply, answer) = oneshot::channel();
    let work = move || {
        let trained = catch_unwind(AssertUnwindSafe(|| training_job::run(&job, &signals)));
        // Memory and files first, then the turn, then the answer: who hears it may begin the next.
        drop(job);
        drop(turn);
        let trained = trained.unwrap_or_else(|_| Err(DrawError::new(Code::Internal, "the trainer panicked")));
        let _ = reply.send(trained);
    };
    thread::Builder::new()
        .name("train".into())
        .spawn(work)
        .map_err(|e| DrawError::new(Code::Internal, format!("no thread to train on: {e}")))?;
    answer.await.unwrap_or_else(|_| Err(DrawError::new(Code::Internal, "the training thread ended")))
}

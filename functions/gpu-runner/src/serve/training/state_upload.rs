//! Uploads training states beside the steps, one after the other, and leaves their report to the task's reports: those
//! are numbered, and go out one at a time.

use std::cell::{Cell, RefCell};
use std::fs;
use std::time::Duration;

use protocol::runner::SavedState;
use tokio::select;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::snapshots::{Snapshot, Snapshots};
use super::task_folder::TaskFolder;
use super::transfer::{TransferError, upload};
use crate::serve::hold::{Hold, Miss};

/// A state that the edge has and was not told of.
#[derive(Clone, Debug)]
pub struct Unreported {
    pub key: String,
    pub state: SavedState,
}

/// What uploads and reports say to each other.
#[derive(Default)]
pub struct StateUpload {
    unreported: RefCell<Option<Unreported>>,
    changed: Notify,
    reported: Notify,
    finishing: Cell<bool>,
    finish: Notify,
    /// SHA-256 of the last one that was reported: its file is kept for a later attempt on this machine.
    kept: RefCell<Option<String>>,
}

impl StateUpload {
    /// Waits until there is something to report.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    pub fn unreported(&self) -> Option<Unreported> {
        self.unreported.borrow().clone()
    }

    /// The edge was told, or does not want to know.
    pub fn reported(&self) {
        self.unreported.replace(None);
        self.reported.notify_one();
    }

    /// Has `run` end with the newest state.
    pub fn finish(&self) {
        self.finishing.set(true);
        self.finish.notify_one();
    }

    /// Uploads a state and waits for its report, again and again: what the thread offers by itself, and what is asked
    /// for after `every`. Ends after `finish`, when the newest snapshot is with the edge.
    ///
    /// # Errors
    ///
    /// `Miss::Lost` when the lease is gone. What else goes wrong costs one state.
    pub async fn run(
        &self,
        hold: &Hold<'_>,
        folder: &TaskFolder,
        snapshots: &Snapshots,
        every: Duration,
    ) -> Result<(), Miss> {
        loop {
            let snapshot = if self.finishing.get() {
                match snapshots.take() {
                    Some(snapshot) => snapshot,
                    None => return Ok(()),
                }
            } else {
                select! {
                    () = self.finish.notified() => continue,
                    snapshot = asked(snapshots, every) => snapshot,
                }
            };
            self.store(hold, folder, &snapshot).await?;
            fs::remove_file(&snapshot.file).ok();
        }
    }

    async fn store(&self, hold: &Hold<'_>, folder: &TaskFolder, snapshot: &Snapshot) -> Result<(), Miss> {
        let (task, step) = (hold.claim.task_id, snapshot.step);
        let stored = match upload(hold, &snapshot.file).await {
            Ok(stored) => stored,
            Err(TransferError::Miss(Miss::Lost)) => return Err(Miss::Lost),
            Err(error) => {
                warn!(task, step, ?error, "a state of the training is not stored");
                return Ok(());
            }
        };
        debug!(task, step, bytes = stored.size, "a state of the training is stored");
        // The file has the name of its hash before the edge names it.
        let before = self.kept.replace(Some(stored.sha256.clone()));
        if let Err(error) = fs::rename(&snapshot.file, folder.file(&stored.sha256)) {
            info!(task, %error, "a state of the training is not kept here");
        }
        let state = SavedState { step: step as u32, size: stored.size, sha256: stored.sha256.clone() };
        self.unreported.replace(Some(Unreported { key: stored.key, state }));
        self.changed.notify_one();
        self.reported.notified().await;
        if let Some(before) = before.filter(|before| *before != stored.sha256) {
            fs::remove_file(folder.file(&before)).ok();
        }
        Ok(())
    }
}

async fn asked(snapshots: &Snapshots, every: Duration) -> Snapshot {
    select! {
        snapshot = snapshots.next() => return snapshot,
        () = sleep(every) => snapshots.ask(),
    }
    snapshots.next().await
}

//! States of a training between its thread, which writes them, and the upload, which asks for them. Only the newest
//! counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::task_folder::link;
use crate::{Code, DrawError};

/// A training state in a file of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub file: PathBuf,
    /// Steps done.
    pub step: usize,
}

#[derive(Default)]
pub struct Snapshots {
    wanted: AtomicBool,
    newest: Mutex<Option<Snapshot>>,
    taken: Notify,
}

impl Snapshots {
    /// Asks for a snapshot after the step in hand.
    pub fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
    }

    /// True once for each `ask`. Called by the training thread.
    pub fn was_asked(&self) -> bool {
        self.wanted.swap(false, Ordering::SeqCst)
    }

    /// Offers the trainer's state file as it is now: a link to it, which later saves do not change.
    ///
    /// # Errors
    ///
    /// `state_failed`.
    pub fn offer(&self, state: &Path, step: usize) -> Result<(), DrawError> {
        let file = state.with_file_name(format!("snapshot-{step}.safetensors"));
        link(state, &file).map_err(|e| DrawError::new(Code::StateFailed, e.to_string()).at(state.display()))?;
        let before = self.lock().replace(Snapshot { file: file.clone(), step });
        if let Some(before) = before.filter(|before| before.file != file) {
            fs::remove_file(before.file).ok();
        }
        self.taken.notify_one();
        Ok(())
    }

    /// The newest snapshot that was not taken before.
    pub fn take(&self) -> Option<Snapshot> {
        self.lock().take()
    }

    /// Waits for a snapshot, and takes it.
    pub async fn next(&self) -> Snapshot {
        loop {
            if let Some(snapshot) = self.take() {
                return snapshot;
            }
            self.taken.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Snapshot>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_is_taken_once_and_later_saves_do_not_change_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.safetensors");
        let save = |text: &str| {
            fs::write(dir.path().join("new"), text).unwrap();
            fs::rename(dir.path().join("new"), &state).unwrap();
        };
        let snapshots = Snapshots::default();
        assert!(!snapshots.was_asked() && snapshots.take().is_none());
        snapshots.ask();
        assert!(snapshots.was_asked() && !snapshots.was_asked());
        for step in [1, 2] {
            save(&step.to_string());
            snapshots.offer(&state, step).unwrap();
        }
        save("3");
        let snapshot = snapshots.next().await;
        assert_eq!((snapshot.step, fs::read_to_string(&snapshot.file).unwrap().as_str()), (2, "2"));
        assert!(snapshots.take().is_none() && !dir.path().join("snapshot-1.safetensors").exists());
        assert_eq!(snapshots.offer(&dir.path().join("gone"), 4).unwrap_err().code, Code::StateFailed);
    }
}

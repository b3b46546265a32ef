//! The state folder of `cargo xtask dev`: one run uses it at a time, and only folders that dev created are deleted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// A file in each folder that dev created. Its lock is held during a run.
const MARKER: &str = ".easel-dev";

/// The folder of the edge's data.
pub fn edge_data(state: &Path) -> PathBuf {
    state.join("edge")
}

/// Creates and locks the state folder. With `fresh`, deletes the data of earlier runs.
///
/// # Errors
/// The folder has data but no marker: a wrong `--state` must not delete a user's files. Another dev holds the lock.
pub fn lock(state: &Path, fresh: bool) -> Result<File> {
    let marker = state.join(MARKER);
    let data = edge_data(state);
    ensure!(!data.exists() || marker.is_file(), "{} was not created by dev: pass another --state", state.display());
    fs::create_dir_all(state)?;
    let lock = File::create(marker)?;
    ensure!(lock.try_lock().is_ok(), "{} is in use by another dev: stop it or pass another --state", state.display());
    if fresh && data.exists() {
        fs::remove_dir_all(&data)?;
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_has_one_user_and_keeps_files_of_others() {
        let state = std::env::temp_dir().join(format!("easel-dev-{}", std::process::id()));
        let file = edge_data(&state).join("file");
        fs::create_dir_all(edge_data(&state)).expect("a folder");
        fs::write(&file, "x").expect("a file");
        assert!(lock(&state, true).is_err(), "not created by dev");
        assert!(file.is_file());

        fs::write(state.join(MARKER), "").expect("a marker");
        let first = lock(&state, false).expect("free");
        assert!(lock(&state, true).is_err(), "locked twice");
        assert!(file.is_file());
        drop(first);
        let _second = lock(&state, true).expect("free again");
        assert!(!edge_data(&state).exists());
        fs::remove_dir_all(&state).expect("removed");
    }
}

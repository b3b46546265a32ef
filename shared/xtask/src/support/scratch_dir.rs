//! A temporary folder for the data of a local edge.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// A folder that is deleted when this value is dropped.
///
/// It is in memory (`/dev/shm`) where that exists: the D1 emulation syncs each write to disk.
pub struct ScratchDir(PathBuf);

impl ScratchDir {
    pub fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let path = parent.join(format!("easel-test-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

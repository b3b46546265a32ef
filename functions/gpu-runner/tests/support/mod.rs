//! Tiny models on disk.

use gpu_runner::tiny::{self, Layout};
use tempfile::TempDir;

/// A directory of its own with a tiny model in it.
pub fn model(layout: Layout) -> TempDir {
    let dir = TempDir::new().unwrap();
    tiny::write(dir.path(), layout, 0).unwrap();
    dir
}

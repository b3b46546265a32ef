//! One repository in the cache that Hugging Face's tools share: contents by their names in `blobs`, and for each commit
//! a directory in `snapshots` whose files are links to them; `refs` has the commit of a branch or tag.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Id;

pub struct Repository {
    dir: PathBuf,
}

impl Repository {
    pub fn of(cache: &Path, id: &Id) -> Self {
        Self { dir: cache.join(format!("models--{}", id.repository.replace('/', "--"))) }
    }

    pub fn blob(&self, name: &str) -> PathBuf {
        self.dir.join("blobs").join(name)
    }

    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit)
    }

    /// What a branch or tag stood for when it was last asked for; a commit has no such file.
    pub fn commit(&self, revision: &str) -> Option<String> {
        fs::read_to_string(self.dir.join("refs").join(revision)).ok().map(|commit| commit.trim().to_owned())
    }

    /// Makes a content, which is there, a file of a commit. Names are checked by who calls.
    pub fn link(&self, blob: &str, (commit, file): (&str, &str), revision: &str) -> io::Result<PathBuf> {
        let pointer = self.snapshot(commit).join(file);
        if pointer.is_symlink() {
            fs::remove_file(&pointer)?;
        }
        within(&pointer)?;
        // Relative, so that the cache can be moved: up to the commit's directory, and out of `snapshots`.
        let up = "../".repeat(file.matches('/').count() + 2);
        std::os::unix::fs::symlink(format!("{up}blobs/{blob}"), &pointer)?;
        if revision != commit {
            let reference = self.dir.join("refs").join(revision);
            within(&reference)?;
            fs::write(reference, commit)?;
        }
        Ok(pointer)
    }
}

/// Makes the directory of a file.
pub fn within(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)
}

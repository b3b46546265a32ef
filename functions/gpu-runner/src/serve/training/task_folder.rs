//! The folder of a training task below the cache directory.
//!
//! Files from the edge lie in `files`, named by their SHA-256, so that a later attempt on this machine does not fetch
//! them again. What an attempt makes lies in a folder of its own and goes with it. Folders that nobody used for a day
//! are removed. Must not know what the files hold.

use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use domain::Id;
use domain::id::hex;
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::serve::kept::digest;

/// After so long without use a folder is removed.
const UNUSED: Duration = Duration::from_secs(24 * 3600);
const LOCK: &str = "lock";
const ATTEMPT: &str = "attempt-";

pub struct TaskFolder {
    task: PathBuf,
    attempt: PathBuf,
    /// The task has ended.
    over: AtomicBool,
    /// Locked, together with others, while the folder is in use.
    _lock: File,
}

impl TaskFolder {
    /// Makes the folder of an attempt. `edge` tells deployments apart. Earlier attempts of the task are over, and what
    /// is left of them is removed.
    pub fn open(cache: &Path, edge: &str, task: Id, attempt: i64) -> io::Result<Self> {
        let edge = hex(&Sha256::digest(edge));
        let all = cache.join("trainings").join(edge.get(..16).unwrap_or_default());
        let folder = all.join(task.to_string());
        fs::create_dir_all(folder.join("files"))?;
        let lock = File::create(folder.join(LOCK))?;
        lock.lock_shared()?;
        lock.set_times(FileTimes::new().set_modified(SystemTime::now()))?;
        prune(&all, &folder);
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(ATTEMPT)) {
                fs::remove_dir_all(path).ok();
            }
        }
        let attempt = folder.join(format!("{ATTEMPT}{attempt}"));
        fs::create_dir_all(attempt.join("images"))?;
        Ok(Self { task: folder, attempt, over: AtomicBool::new(false), _lock: lock })
    }

    /// Where an attempt keeps what it makes.
    pub fn attempt(&self) -> &Path {
        &self.attempt
    }

    /// The images of the attempt with their captions.
    pub fn images(&self) -> PathBuf {
        self.attempt.join("images")
    }

    /// The path of a file from the edge. `sha256` is 64 hex digits.
    pub fn file(&self, sha256: &str) -> PathBuf {
        self.task.join("files").join(sha256)
    }

    /// The file, if all of it is here: its hash is computed.
    pub fn find(&self, sha256: &str) -> Option<PathBuf> {
        let path = self.file(sha256);
        let (hash, _) = digest(&mut File::open(&path).ok()?).ok()?;
        (hex(&hash.finalize()) == sha256).then_some(path)
    }

    /// Keeps the bytes whose hash this is. The file appears as a whole.
    ///
    /// # Errors
    ///
    /// `InvalidData` when they have another hash.
    pub fn keep(&self, sha256: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        if hex(&Sha256::digest(bytes)) != sha256 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another hash than announced"));
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.attempt)?;
        file.write_all(bytes)?;
        file.persist(self.file(sha256))?;
        Ok(self.file(sha256))
    }

    /// The task has ended: all of it is removed when nobody works in it any more.
    pub fn remove(&self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Drop for TaskFolder {
    fn drop(&mut self) {
        let over = self.over.load(Ordering::SeqCst);
        // What can't be removed is unused from now on, and tried again a day later.
        fs::remove_dir_all(if over { &self.task } else { &self.attempt }).ok();
    }
}

/// Makes `to` the file `from` under another name, or a copy where the file system has no links.
pub fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

/// Removes the folders of other tasks that were not used for long, unless another process works in them.
fn prune(all: &Path, own: &Path) {
    let Ok(folders) = fs::read_dir(all) else { return };
    for folder in folders.flatten().map(|entry| entry.path()).filter(|folder| folder != own) {
        let unused = || -> io::Result<bool> {
            let lock = File::open(folder.join(LOCK))?;
            let age = SystemTime::now().duration_since(lock.metadata()?.modified()?).unwrap_or_default();
            Ok(age > UNUSED && lock.try_lock().is_ok())
        };
        if unused().unwrap_or(false)
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            warn!(%error, "the folder of an old training can't be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(bytes: &[u8]) -> String {
        hex(&Sha256::digest(bytes))
    }

    #[test]
    fn files_outlive_an_attempt_and_are_what_their_name_says() {
        let cache = tempfile::tempdir().unwrap();
        let open = |attempt| TaskFolder::open(cache.path(), "https://a.example", 7, attempt).unwrap();
        let first = open(1);
        let name = sha256(b"fox");
        assert!(first.find(&name).is_none());
        assert_eq!(first.keep(&name, b"cat").unwrap_err().kind(), io::ErrorKind::InvalidData);
        let path = first.keep(&name, b"fox").unwrap();
        link(&path, &first.images().join("1.png")).unwrap();
        link(&path, &first.images().join("1.png")).unwrap();
        let attempt = first.attempt().to_path_buf();
        drop(first);
        assert!(path.exists() && !attempt.exists());
        let second = open(2);
        assert_eq!(second.find(&name), Some(path.clone()));
        fs::write(&path, b"fix").unwrap();
        assert_eq!(second.find(&name), None, "damaged since");
        second.remove();
        assert_eq!(second.keep(&name, b"fox").unwrap(), path, "somebody is still at work");
        let task = second.task.clone();
        drop(second);
        assert!(!task.exists());
    }

    #[test]
    fn folders_that_nobody_uses_are_removed() {
        let cache = tempfile::tempdir().unwrap();
        let open = |task| TaskFolder::open(cache.path(), "", task, 1).unwrap();
        let place = |task: Id| open(9).task.with_file_name(task.to_string());
        let (used, unused, recent) = (open(1), open(2), open(3));
        for folder in [&used, &unused] {
            let old = FileTimes::new().set_modified(SystemTime::now() - 2 * UNUSED);
            File::options().write(true).open(folder.task.join(LOCK)).unwrap().set_times(old).unwrap();
        }
        drop((unused, recent));
        assert!(!place(2).exists() && place(1).exists() && place(3).exists());
        drop(used);
        assert!(!place(1).exists());
    }

    #[test]
    fn the_leftovers_of_an_earlier_attempt_are_removed() {
        let cache = tempfile::tempdir().unwrap();
        let killed = TaskFolder::open(cache.path(), "", 7, 1).unwrap();
        fs::write(killed.attempt().join("half"), b"x").unwrap();
        let next = TaskFolder::open(cache.path(), "", 7, 2).unwrap();
        assert!(!killed.attempt().exists() && next.attempt().exists());
    }
}

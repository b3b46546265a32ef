//! A directory with files of the edge's models, so that each is fetched once. The file behind a model's id never
//! changes, so the id is its name there; the ones not used for longest make room for others. Must not know where files
//! come from.

use std::fs::{self, File, FileTimes, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use domain::Id;
use domain::id::hex;
use protocol::runner::{Checkpoint, Lora};
use sha2::{Digest, Sha256};
use tracing::warn;

#[derive(Clone)]
pub struct Cache {
    dir: PathBuf,
    /// Bytes that all files may take up, those in use apart.
    most: u64,
}

/// The file of a model, as the edge announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: Id,
    pub size: u64,
    /// Lower-case hex, where the edge knows it.
    pub sha256: Option<String>,
}

/// A file that is on its way, and this runner's alone meanwhile. What was fetched of it stays where that ends early.
pub struct Part {
    wanted: Wanted,
    file: File,
    at: PathBuf,
    becomes: PathBuf,
    have: u64,
    hash: Sha256,
}

impl From<&Lora> for Wanted {
    fn from(lora: &Lora) -> Self {
        Self { id: lora.model_id, size: lora.size, sha256: lora.sha256.clone() }
    }
}

impl From<&Checkpoint> for Wanted {
    fn from(model: &Checkpoint) -> Self {
        Self { id: model.model_id, size: model.size, sha256: model.sha256.clone() }
    }
}

impl Cache {
    /// In a directory that may be of several deployments; `edge` is which.
    pub fn new(dir: &Path, edge: &str, most: u64) -> Self {
        let edge = hex(&Sha256::digest(edge));
        Self { dir: dir.join(edge.get(..16).unwrap_or_default()), most }
    }

    pub fn path(&self, id: Id) -> PathBuf {
        self.dir.join(format!("{id}.safetensors"))
    }

    /// The file, if it is here; it counts as used now.
    pub fn find(&self, wanted: &Wanted) -> Option<PathBuf> {
        let path = self.path(wanted.id);
        let file = File::open(&path).ok()?;
        if file.metadata().ok()?.len() != wanted.size {
            return None;
        }
        // Not when it was changed: that would make it another file to whoever has it loaded.
        if let Err(error) = file.set_times(FileTimes::new().set_accessed(SystemTime::now())) {
            warn!(%error, "a file can't be marked as used");
        }
        Some(path)
    }

    /// Makes room for a file, and begins it or goes on with what there is of it. None while another runner does that.
    /// Those of the task in hand stay.
    pub fn begin(&self, wanted: &Wanted, in_use: &[Id]) -> io::Result<Option<Part>> {
        if wanted.size > self.most {
            return Err(io::Error::other(format!("{} bytes are more than are kept here", wanted.size)));
        }
        fs::create_dir_all(&self.dir)?;
        let at = self.dir.join(format!("{}.part", wanted.id));
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // It was made whole between the opening and the lock, and this is it.
        if self.find(wanted).is_some() {
            return Ok(None);
        }
        if file.metadata()?.len() > wanted.size {
            file.set_len(0)?;
        }
        let (hash, have) = digest(&mut file)?;
        self.make_room(wanted.size, &[in_use, &[wanted.id]].concat())?;
        Ok(Some(Part { wanted: wanted.clone(), file, at, becomes: self.path(wanted.id), have, hash }))
    }

    /// Deletes files until there is room for so many bytes more; never those of these models.
    fn make_room(&self, bytes: u64, in_use: &[Id]) -> io::Result<()> {
        let stays = |path: &Path| in_use.iter().any(|id| path.file_stem().is_some_and(|stem| *stem == *id.to_string()));
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            // Another runner may have deleted it.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_file() && !stays(&path) {
                // One that is being written was not read.
                let used = metadata.accessed().into_iter().chain(metadata.modified()).max();
                files.push((used.unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), path));
            }
        }
        files.sort_unstable();
        let mut all = files.iter().fold(bytes, |sum, (_, size, _)| sum.saturating_add(*size));
        for (_, size, path) in files {
            if all <= self.most {
                break;
            }
            match fs::remove_file(&path) {
                Ok(()) => all -= size,
                Err(error) => warn!(%error, "a file that is not used can't be deleted"),
            }
        }
        Ok(())
    }
}

impl Part {
    /// Bytes that are here.
    pub fn have(&self) -> u64 {
        self.have
    }

    pub fn add(&mut self, piece: &Bytes) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hash.update(piece);
        self.have += piece.len() as u64;
        Ok(())
    }

    /// Checks the whole. It appears at once, as other runners may look here too; what is not as announced is deleted.
    pub fn finish(self) -> io::Result<PathBuf> {
        let hash = hex(&self.hash.finalize());
        let right = self.have == self.wanted.size && self.wanted.sha256.as_ref().is_none_or(|sha256| *sha256 == hash);
        if !right {
            fs::remove_file(&self.at)?;
            return Err(io::Error::other(format!("{} bytes of {}, or another hash", self.have, self.wanted.size)));
        }
        // Found again it is known by its size alone, so all of it is on the disk before it has its name.
        self.file.sync_all()?;
        fs::rename(&self.at, &self.becomes)?;
        Ok(self.becomes)
    }
}

/// Of what is left to read, and how many bytes that was.
pub fn digest(file: &mut File) -> io::Result<(Sha256, u64)> {
    let (mut hash, mut all, mut piece) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { return Ok((hash, all)) };
        hash.update(bytes);
        all += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn wanted(id: Id, file: &[u8]) -> Wanted {
        Wanted { id, size: file.len() as u64, sha256: Some(hex(&Sha256::digest(file))) }
    }

    fn keep(cache: &Cache, wanted: &Wanted, file: &'static [u8]) -> io::Result<PathBuf> {
        let mut part = cache.begin(wanted, &[])?.ok_or_else(|| io::Error::other("another's"))?;
        part.add(&Bytes::from_static(file))?;
        part.finish()
    }

    fn in_all(cache: &Cache) -> usize {
        fs::read_dir(&cache.dir).unwrap().count()
    }

    #[test]
    fn what_is_not_as_announced_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path(), "https://a.example", 100);
        let good = wanted(7, b"abc");
        assert_eq!(cache.find(&good), None);
        for bad in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert!(keep(&cache, &good, bad).is_err());
            assert_eq!((cache.find(&good), in_all(&cache)), (None, 0));
        }
        let path = keep(&cache, &good, b"abc").unwrap();
        assert_eq!((cache.find(&good), fs::read(&path).unwrap()), (Some(path.clone()), b"abc".to_vec()));
        assert_eq!(path.file_name().unwrap(), "7.safetensors");
        assert_eq!(cache.find(&wanted(7, b"abcd")), None, "cut short");
        assert_eq!(Cache::new(dir.path(), "https://b.example", 100).find(&good), None, "another deployment's");
        let unknown = Wanted { sha256: None, ..wanted(8, b"xyz") };
        assert!(keep(&cache, &unknown, b"xy").is_err());
        assert!(keep(&cache, &unknown, b"xyz").is_ok());
        assert_eq!(in_all(&cache), 2);
    }

    #[test]
    fn what_was_fetched_of_a_file_is_not_fetched_again() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path(), "", 100);
        let file = wanted(7, b"abcdef");
        let mut part = cache.begin(&file, &[]).unwrap().unwrap();
        part.add(&Bytes::from_static(b"abcd")).unwrap();
        assert!(cache.begin(&file, &[]).unwrap().is_none(), "one at a time");
        assert!(cache.begin(&wanted(8, b"x"), &[]).unwrap().is_some());
        drop(part);
        let mut part = cache.begin(&file, &[]).unwrap().unwrap();
        assert_eq!(part.have(), 4);
        part.add(&Bytes::from_static(b"ef")).unwrap();
        assert_eq!(fs::read(part.finish().unwrap()).unwrap(), b"abcdef");
        // Longer than the file can be: something else was here.
        fs::write(cache.dir.join("9.part"), b"abcdefg").unwrap();
        assert_eq!(cache.begin(&wanted(9, b"abc"), &[]).unwrap().unwrap().have(), 0);
    }

    #[test]
    fn the_files_not_used_for_longest_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path(), "", 9);
        let files: Vec<Wanted> = (1..=5).map(|id| wanted(id, b"abc")).collect();
        for (age, one) in [(30, 0), (10, 1), (20, 2)] {
            let path = keep(&cache, &files[one], b"abc").unwrap();
            let used = SystemTime::now() - Duration::from_secs(age);
            let times = FileTimes::new().set_accessed(used).set_modified(used);
            File::options().append(true).open(path).unwrap().set_times(times).unwrap();
        }
        let changed = fs::metadata(cache.path(1)).unwrap().modified().unwrap();
        assert!(cache.find(&files[0]).is_some(), "which is a use");
        assert_eq!(fs::metadata(cache.path(1)).unwrap().modified().unwrap(), changed);
        keep(&cache, &files[3], b"abc").unwrap();
        let here = |cache: &Cache| (1..=5).map(|id| cache.path(id).exists()).collect::<Vec<_>>();
        assert_eq!(here(&cache), [true, true, false, true, false]);
        // Those of the task in hand stay, also where there is no room beside them.
        let mut part = cache.begin(&files[4], &[1, 2, 4]).unwrap().unwrap();
        part.add(&Bytes::from_static(b"abc")).unwrap();
        part.finish().unwrap();
        assert_eq!(here(&cache), [true, true, false, true, true]);
        assert!(cache.begin(&wanted(6, b"0123456789"), &[]).is_err(), "more than are kept at all");
        assert_eq!(here(&cache), [true, true, false, true, true]);
    }
}

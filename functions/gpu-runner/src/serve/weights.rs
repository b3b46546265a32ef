//! The LoRAs of a task: asked for at the edge and kept in a directory, so that each is loaded once. The file behind a
//! model's id never changes, so the id is its name there; the ones not used for longest make room for others.

use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use domain::id::hex;
use domain::runner::{Lora, MAX_LORA};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::failure::Failure;
use super::hold::{Hold, Miss};
use super::task::End;

/// What each deployment's files may take up, the ones in use apart.
const MOST: u64 = 16 << 30;

#[derive(Clone)]
pub struct Cache {
    dir: PathBuf,
    most: u64,
}

/// The files and strengths of all of them, in their order.
pub async fn load(hold: &Hold<'_>, cache: &Cache) -> Result<Vec<(PathBuf, f64)>, End> {
    let loras = &hold.claim.params.loras;
    let mut files = Vec::with_capacity(loras.len());
    for (index, lora) in loras.iter().enumerate() {
        let path = match cache.find(lora) {
            Some(path) => path,
            None => {
                let file = hold.lora(index).await.map_err(|miss| missed(hold, index, &miss))?;
                let (cache, wanted) = (cache.clone(), loras.clone());
                let kept = spawn_blocking(move || cache.keep(&wanted, index, &file)).await;
                let kept = kept.unwrap_or_else(|e| Err(io::Error::other(e)));
                kept.map_err(|error| {
                    warn!(task = hold.claim.task_id, index, %error, "a LoRA can't be kept");
                    End::Failed(Failure::lora_missing(index, true))
                })?
            }
        };
        files.push((path, lora.weight));
    }
    Ok(files)
}

fn missed(hold: &Hold<'_>, index: usize, miss: &Miss) -> End {
    if *miss == Miss::Lost {
        return End::Lost;
    }
    warn!(task = hold.claim.task_id, index, %miss, "no LoRA");
    let gone = matches!(miss, Miss::Refused(refusal) if refusal.status == 404);
    End::Failed(Failure::lora_missing(index, !gone))
}

impl Cache {
    /// In a directory that may be of several deployments; `edge` is which.
    pub fn new(dir: &Path, edge: &str) -> Self {
        let edge = hex(&Sha256::digest(edge));
        Self { dir: dir.join(edge.get(..16).unwrap_or_default()), most: MOST }
    }

    fn path(&self, lora: &Lora) -> PathBuf {
        self.dir.join(format!("{}.safetensors", lora.model_id))
    }

    /// The file, if it is here; it counts as used now.
    fn find(&self, lora: &Lora) -> Option<PathBuf> {
        let path = self.path(lora);
        let file = File::open(&path).ok()?;
        if file.metadata().ok()?.len() != lora.size {
            return None;
        }
        // Not when it was changed: that would make it another file to whoever has it loaded.
        if let Err(error) = file.set_times(FileTimes::new().set_accessed(SystemTime::now())) {
            warn!(%error, "a file can't be marked as used");
        }
        Some(path)
    }

    /// Checks and stores one of a task's. It appears whole or not at all, as other runners may look here too.
    fn keep(&self, loras: &[Lora], index: usize, file: &Bytes) -> io::Result<PathBuf> {
        let lora = loras.get(index).ok_or_else(|| io::Error::other("no such LoRA"))?;
        if file.len() as u64 != lora.size || lora.size > MAX_LORA {
            return Err(io::Error::other(format!("{} bytes of {}", file.len(), lora.size)));
        }
        if lora.sha256.as_ref().is_some_and(|expected| *expected != hex(&Sha256::digest(file))) {
            return Err(io::Error::other("its hash differs"));
        }
        fs::create_dir_all(&self.dir)?;
        let path = self.path(lora);
        let part = self.dir.join(format!("{}.{}.part", lora.model_id, std::process::id()));
        let stored = fs::write(&part, file).and_then(|()| fs::rename(&part, &path));
        if stored.is_err() {
            let _ = fs::remove_file(&part);
        }
        stored?;
        self.make_room(loras)?;
        Ok(path)
    }

    /// Deletes files until the rest is no more than it may be; never those of the task in hand.
    fn make_room(&self, loras: &[Lora]) -> io::Result<()> {
        let in_use: Vec<PathBuf> = loras.iter().map(|lora| self.path(lora)).collect();
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            // Another runner may have deleted it.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if !in_use.contains(&path) {
                files.push((metadata.accessed().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), path));
            }
        }
        files.sort_unstable();
        let mut all: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if all <= self.most {
                break;
            }
            match fs::remove_file(&path) {
                Ok(()) => all -= bytes,
                Err(error) => warn!(%error, "a file that is not used can't be deleted"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use domain::runner::AdapterKind;

    fn lora(model_id: i64, file: &[u8]) -> Lora {
        Lora {
            model_id,
            weight: 1.0,
            kind: AdapterKind::Lora,
            word: None,
            size: file.len() as u64,
            sha256: Some(hex(&Sha256::digest(file))),
        }
    }

    #[test]
    fn what_is_not_as_announced_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path(), "https://a.example");
        let good = lora(7, b"abc");
        assert_eq!(cache.find(&good), None);
        for bad in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert!(cache.keep(std::slice::from_ref(&good), 0, &Bytes::from_static(bad)).is_err());
            assert_eq!(cache.find(&good), None);
        }
        let path = cache.keep(std::slice::from_ref(&good), 0, &Bytes::from_static(b"abc")).unwrap();
        assert_eq!((cache.find(&good), fs::read(&path).unwrap()), (Some(path.clone()), b"abc".to_vec()));
        assert_eq!(path.file_name().unwrap(), "7.safetensors");
        assert_eq!(cache.find(&lora(7, b"abcd")), None, "cut short");
        assert_eq!(Cache::new(dir.path(), "https://b.example").find(&good), None, "another deployment's");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn the_files_not_used_for_longest_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache { most: 6, ..Cache::new(dir.path(), "") };
        let file = Bytes::from_static(b"abc");
        let loras: Vec<Lora> = (1..=4).map(|id| lora(id, &file)).collect();
        for (age, one) in [(30, 0), (10, 1), (20, 2)] {
            let path = cache.keep(&loras[one..=one], 0, &file).unwrap();
            let used = SystemTime::now() - Duration::from_secs(age);
            File::open(path).unwrap().set_times(FileTimes::new().set_accessed(used)).unwrap();
        }
        let changed = fs::metadata(cache.path(&loras[0])).unwrap().modified().unwrap();
        assert!(cache.find(&loras[0]).is_some(), "which is a use");
        assert_eq!(fs::metadata(cache.path(&loras[0])).unwrap().modified().unwrap(), changed);
        // The new one is in use and does not count.
        cache.keep(&loras[3..], 0, &file).unwrap();
        let here: Vec<bool> = loras.iter().map(|lora| cache.path(lora).exists()).collect();
        assert_eq!(here, [true, true, false, true]);
    }
}

//! The models a runner was started with: which of the edge's they are, and what models in memory are called.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use domain::Id;
use domain::id::hex;
use protocol::runner::{Checkpoint, LoadedModel};
use sha2::Digest;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::kept::digest;
use crate::backend::{self, model_name};

/// A model on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnModel {
    /// A directory in the diffusers layout, or a file.
    pub path: PathBuf,
    /// Which of the edge's it is said to be.
    pub id: Option<Id>,
}

pub struct Own {
    models: Vec<OwnModel>,
    /// Of files, as they were at a time.
    hashes: RefCell<HashMap<(PathBuf, SystemTime), String>>,
    /// What files of the edge are called, by where they are kept.
    names: RefCell<HashMap<PathBuf, (Id, String)>>,
}

impl Own {
    pub fn new(models: Vec<OwnModel>) -> Self {
        Self { models, hashes: RefCell::default(), names: RefCell::default() }
    }

    /// What is drawn with when a task names nothing.
    pub fn first(&self) -> PathBuf {
        self.models.first().map(|own| own.path.clone()).unwrap_or_default()
    }

    /// The edge's model, if it is one of these: as whoever started the runner says, or because the file is the same
    /// one. Where the edge does not know its hash, the same name and size have to do.
    pub async fn find(&self, model: &Checkpoint) -> Option<PathBuf> {
        if let Some(own) = self.models.iter().find(|own| own.id == Some(model.model_id)) {
            return Some(own.path.clone());
        }
        for OwnModel { path, .. } in &self.models {
            let same_size = fs::metadata(path).ok().filter(|file| file.is_file() && file.len() == model.size);
            let Some(modified) = same_size.and_then(|file| file.modified().ok()) else { continue };
            let same = match &model.sha256 {
                Some(sha256) => self.hash(path, modified).await.as_ref() == Some(sha256),
                None => model_name(path) == model.name,
            };
            if same {
                return Some(path.clone());
            }
        }
        None
    }

    /// Takes its time, once.
    async fn hash(&self, path: &Path, modified: SystemTime) -> Option<String> {
        let key = (path.to_path_buf(), modified);
        if let Some(known) = self.hashes.borrow().get(&key) {
            return Some(known.clone());
        }
        let of = path.to_path_buf();
        let hash = spawn_blocking(move || Ok(hex(&digest(&mut File::open(of)?)?.0.finalize())));
        match hash.await.unwrap_or_else(|e| Err(io::Error::other(e))) {
            Ok(hash) => {
                self.hashes.borrow_mut().insert(key, hash.clone());
                Some(hash)
            }
            Err(error) => {
                warn!(path = %path.display(), %error, "a model can't be read");
                None
            }
        }
    }

    /// From now on the file at this path goes by the name of this model.
    pub fn call(&self, path: &Path, model: &Checkpoint) {
        self.names.borrow_mut().insert(path.to_path_buf(), (model.model_id, model.name.clone()));
    }

    /// As the edge is told of them.
    pub fn told(&self, loaded: &[backend::Loaded]) -> Vec<LoadedModel> {
        let names = self.names.borrow();
        let told = |backend::Loaded { path, bytes }: &backend::Loaded| match names.get(path) {
            Some((id, name)) => LoadedModel { name: name.clone(), memory: *bytes, model_id: Some(*id) },
            None => LoadedModel { name: model_name(path), memory: *bytes, model_id: None },
        };
        loaded.iter().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use sha2::Sha256;

    use super::*;

    fn model(model_id: Id, name: &str, file: &[u8], hash: bool) -> Checkpoint {
        let sha256 = hash.then(|| hex(&Sha256::digest(file)));
        Checkpoint { model_id, name: name.into(), size: file.len() as u64, sha256 }
    }

    #[tokio::test]
    async fn the_same_file_is_not_fetched() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("ink.safetensors"), b"ink").unwrap();
        fs::create_dir(path("sd")).unwrap();
        let all = [("sd", None), ("ink.safetensors", None), ("gone", None), ("told", Some(9))];
        let own = Own::new(all.map(|(name, id)| OwnModel { path: path(name), id }).into());
        assert_eq!(own.first(), path("sd"));
        let ink = Some(path("ink.safetensors"));
        for (wanted, found) in [
            (model(1, "other", b"ink", true), ink.clone()),
            (model(1, "ink", b"owl", true), None),
            (model(1, "ink", b"owl", false), ink.clone()),
            (model(1, "other", b"ink", false), None),
            (model(1, "ink", b"longer", false), None),
            (model(1, "sd", b"ink", false), None),
            (model(9, "x", b"ink", true), Some(path("told"))),
        ] {
            assert_eq!(own.find(&wanted).await, found, "{wanted:?}");
        }
        fs::write(path("ink.safetensors"), b"owl").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(9);
        File::options().append(true).open(path("ink.safetensors")).unwrap().set_modified(later).unwrap();
        assert_eq!(own.find(&model(1, "x", b"owl", true)).await, ink, "it was changed since");
    }

    #[test]
    fn files_of_the_edge_go_by_their_names() {
        let own = Own::new(Vec::new());
        own.call(Path::new("c/7.safetensors"), &model(7, "水墨", b"", false));
        let loaded =
            ["c/7.safetensors", "m/sd.safetensors"].map(|path| backend::Loaded { path: path.into(), bytes: 3 });
        let told = |name: &str, model_id| LoadedModel { name: name.into(), memory: 3, model_id };
        assert_eq!(own.told(&loaded), [told("水墨", Some(7)), told("sd", None)]);
    }
}

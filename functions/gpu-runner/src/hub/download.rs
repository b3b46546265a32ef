//! The transfer, by `hf-hub`: into its cache, going on where a transfer was cut off.
//!
//! What a server says becomes paths, and what it sends becomes files: both are checked here, as the crate does neither.

use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo, Metadata};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};

use super::{Hub, Id};
use crate::{Code, DrawError};

/// No repository with a model that can be used here has so many.
const MAX_LISTED: usize = 100_000;
/// A commit, and the name of a content.
const MAX_NAME: usize = 128;

pub struct Remote {
    api: Api,
    repo: ApiRepo,
    cached: CacheRepo,
    pauses: Vec<Duration>,
}

impl Remote {
    pub fn open(hub: &Hub, id: &Id) -> Result<Self, DrawError> {
        let repo = Repo::with_revision(id.repository.clone(), RepoType::Model, id.revision.clone());
        let api = ApiBuilder::from_cache(Cache::new(hub.cache.clone()))
            .with_endpoint(hub.endpoint.trim_end_matches('/').to_owned())
            .with_token(hub.token.clone())
            .with_user_agent("gpu-runner", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(refusal)?;
        let cached = Cache::new(hub.cache.clone()).repo(repo.clone());
        Ok(Self { repo: api.repo(repo), api, cached, pauses: hub.pauses.clone() })
    }

    /// Paths of all files of the revision.
    pub fn files(&self) -> Result<Vec<String>, DrawError> {
        let info = self.patiently(|| self.repo.info().map_err(refusal))?;
        if info.siblings.len() > MAX_LISTED {
            return Err(DrawError::new(Code::HubFailed, format!("{} files in one repository", info.siblings.len())));
        }
        Ok(info.siblings.into_iter().map(|file| file.rfilename).collect())
    }

    /// The path of a file in the cache, where it is once this returns. Names are those that this runner asks for, never
    /// the server's.
    pub fn fetch(&self, file: &str, shown: bool) -> Result<PathBuf, DrawError> {
        self.patiently(|| self.fetch_once(file, shown)).map_err(|e| e.at(file))
    }

    /// Tries again what another try may change.
    fn patiently<T>(&self, act: impl Fn() -> Result<T, DrawError>) -> Result<T, DrawError> {
        // The crate trusts servers to the point of panics.
        let act = || {
            let failed = |_| Err(DrawError::new(Code::HubFailed, "the server's answer makes no sense"));
            catch_unwind(AssertUnwindSafe(&act)).unwrap_or_else(failed)
        };
        for pause in &self.pauses {
            match act() {
                Err(e) if e.code == Code::HubUnreachable => std::thread::sleep(*pause),
                done => return done,
            }
        }
        act()
    }

    fn fetch_once(&self, file: &str, shown: bool) -> Result<PathBuf, DrawError> {
        let metadata = self.api.metadata(&self.repo.url(file)).map_err(refusal)?;
        for name in [metadata.commit_hash(), metadata.etag()] {
            if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            {
                return Err(DrawError::new(Code::HubFailed, format!("the server calls a content {name:?}")));
            }
        }
        let pointer = self.cached.pointer_path(metadata.commit_hash()).join(file);
        let length = |path: &Path| std::fs::metadata(path).ok().map(|found| found.len());
        if length(&pointer) == Some(metadata.size() as u64) {
            return Ok(pointer);
        }
        // The crate leaves in place what is there.
        if pointer.is_symlink() {
            std::fs::remove_file(&pointer).map_err(|e| unwritten(&e))?;
        }
        let blob = self.cached.blob_path(metadata.etag());
        // Nothing is left to ask for of what is longer than it should be, or whole and was never put in its place.
        let part = blob.with_extension("part");
        if length(&part).is_some_and(|length| length >= metadata.size() as u64) {
            std::fs::remove_file(&part).map_err(|e| unwritten(&e))?;
        }
        let bar = if shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let loaded = self.repo.download_with_progress(file, bar.clone());
        bar.finish_and_clear();
        let path = loaded.map_err(refusal)?;
        if let Err(e) = check(&blob, &metadata) {
            for wrong in [&path, &blob] {
                std::fs::remove_file(wrong).map_err(|e| unwritten(&e))?;
            }
            return Err(e);
        }
        Ok(path)
    }
}

/// Whether a file has the length and, where its name is one, the SHA-256 that it was announced with.
fn check(blob: &Path, metadata: &Metadata) -> Result<(), DrawError> {
    let mut file = File::open(blob).map_err(|e| unwritten(&e))?;
    let (mut hash, mut buffer, mut length) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer).map_err(|e| unwritten(&e))? {
            0 => break,
            read => {
                length += read as u64;
                hash.update(buffer.get(..read).unwrap_or_default());
            }
        }
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let named = metadata.etag().len() == digest.len();
    if length == metadata.size() as u64 && (!named || metadata.etag() == digest) {
        return Ok(());
    }
    Err(DrawError::new(Code::HubUnreachable, "what arrived is not what was announced"))
}

fn refusal(error: ApiError) -> DrawError {
    let (code, why) = match &error {
        ApiError::RequestError(request) => match &**request {
            ureq::Error::StatusCode(401 | 403) => (
                Code::HubDenied,
                "it is not public, or its terms were not accepted: set HF_TOKEN to a token that may read it".into(),
            ),
            ureq::Error::StatusCode(404) => (Code::ModelNotFound, "no such repository, revision or file".into()),
            ureq::Error::StatusCode(status @ (408 | 429 | 500..)) => {
                (Code::HubUnreachable, format!("the server answers {status}"))
            }
            ureq::Error::StatusCode(status) => (Code::HubFailed, format!("the server answers {status}")),
            other => (Code::HubUnreachable, other.to_string()),
        },
        ApiError::IoError(e) if is_local(e) => return unwritten(e),
        ApiError::IoError(e) => (Code::HubUnreachable, e.to_string()),
        other => (Code::HubFailed, other.to_string()),
    };
    DrawError::new(code, why)
}

/// Errors of the disk; those of a connection come as the same type.
fn is_local(e: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        e.kind(),
        K::PermissionDenied | K::StorageFull | K::ReadOnlyFilesystem | K::NotADirectory | K::AlreadyExists
    )
}

fn unwritten(e: &io::Error) -> DrawError {
    DrawError::new(Code::HubFailed, format!("the cache can't be written: {e}"))
}

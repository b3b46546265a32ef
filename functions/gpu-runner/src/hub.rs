//! Models by their names on Hugging Face: what a repository has of a model is brought into the cache that the other
//! Hugging Face tools use, and from there it is a directory like any other.
//!
//! Owns names and what is wanted of a repository; `cache` owns where it lies, `download` the transfer, `server` the
//! calls. Knows nothing of tensors.

mod cache;
mod download;
mod files;
mod server;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use cache::Repository;
use download::Remote;

use crate::models::config::Config;
use crate::{Code, DrawError};

/// `org/name`, or `org/name@revision`: a branch, a tag or a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    pub repository: String,
    pub revision: String,
}

impl FromStr for Id {
    type Err = DrawError;

    fn from_str(text: &str) -> Result<Self, DrawError> {
        let (repository, revision) = text.split_once('@').unwrap_or((text, "main"));
        // Both become parts of paths and addresses.
        let word = |word: &str| {
            !word.is_empty()
                && word.len() <= 96
                && !word.starts_with('.')
                && !word.contains("..")
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let named = repository.split_once('/').is_some_and(|(org, name)| word(org) && word(name));
        if named && revision.split('/').all(word) {
            Ok(Self { repository: repository.into(), revision: revision.into() })
        } else {
            Err(DrawError::new(Code::ModelNotFound, format!("{text:?} is no org/name or org/name@revision")))
        }
    }
}

/// Where repositories are, and where they are kept.
#[derive(Clone, Debug)]
pub struct Hub {
    pub cache: PathBuf,
    pub endpoint: String,
    pub token: Option<String>,
    /// Whether nothing is to be asked of the network.
    pub offline: bool,
    /// Before the second try of what another try may change, and the next ones.
    pub pauses: Vec<Duration>,
    /// How long a server may send nothing before it is one that does not answer.
    pub patience: Duration,
}

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSES: [u64; 4] = [100, 500, 2_000, 5_000];

impl Hub {
    /// As the environment has it, by the names that the other tools know: HF_HUB_CACHE, HF_HOME, HF_ENDPOINT, HF_TOKEN,
    /// HF_HUB_OFFLINE.
    pub fn from_env() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = set("HF_HOME").map(PathBuf::from).unwrap_or_else(|| {
            let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
            cache.unwrap_or_else(|| Path::new(&set("HOME").unwrap_or_default()).join(".cache")).join("huggingface")
        });
        let yes = |value: String| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str());
        let saved = || std::fs::read_to_string(home.join("token")).ok().map(|token| token.trim().to_owned());
        Self {
            cache: set("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from),
            endpoint: set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into()),
            token: set("HF_TOKEN").or_else(saved).filter(|token| !token.is_empty()),
            offline: set("HF_HUB_OFFLINE").is_some_and(yes),
            pauses: PAUSES.map(Duration::from_millis).to_vec(),
            patience: PATIENCE,
        }
    }

    /// The directory with all that is wanted of a model; loads what is not there. `shown`: with a bar for each file.
    pub fn model(&self, id: &Id, shown: bool) -> Result<PathBuf, DrawError> {
        if self.offline {
            return self.complete(id).ok_or_else(|| {
                let message =
                    format!("{} is not in {}, and HF_HUB_OFFLINE is set", id.repository, self.cache.display());
                DrawError::new(Code::ModelNotFound, message)
            });
        }
        match self.load(id, shown) {
            // What was loaded once is there without a network, too.
            Err(e) if e.code == Code::HubUnreachable => self.complete(id).ok_or(e),
            loaded => loaded,
        }
        .map_err(|e| e.at(&id.repository))
    }

    fn load(&self, id: &Id, shown: bool) -> Result<PathBuf, DrawError> {
        let remote = Remote::open(self, id)?;
        let listed = remote.files()?;
        let index = remote.fetch(files::INDEX, shown)?;
        for file in files::wanted(&Config::read(&index)?, &listed)? {
            let path = remote.fetch(&file, shown)?;
            for part in files::parts(&file, &path)? {
                remote.fetch(&part, shown)?;
            }
        }
        index
            .parent()
            .map(Path::to_path_buf)
            .ok_or_else(|| DrawError::new(Code::Internal, "a file without a directory"))
    }

    /// The directory of a revision in the cache, whatever is in it.
    pub fn cached(&self, id: &Id) -> Option<PathBuf> {
        let repository = Repository::of(&self.cache, id);
        // A branch or a tag stands for a commit; a commit is a directory.
        let commit = repository.commit(&id.revision).unwrap_or_else(|| id.revision.clone());
        let known = !commit.is_empty() && commit.chars().all(|c| c.is_ascii_alphanumeric());
        Some(repository.snapshot(&commit)).filter(|dir| known && dir.is_dir())
    }

    /// The same when all that is wanted is in it.
    fn complete(&self, id: &Id) -> Option<PathBuf> {
        let dir = self.cached(id)?;
        let index = Config::read(&dir.join(files::INDEX)).ok()?;
        for file in files::wanted(&index, &files::below(&dir)).ok()? {
            let parts = files::parts(&file, &dir.join(&file)).ok()?;
            parts.iter().all(|part| dir.join(part).is_file()).then_some(())?;
        }
        Some(dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_paths() {
        let id: Id = "stabilityai/stable-diffusion-xl-base-1.0".parse().unwrap();
        assert_eq!(
            (id.repository.as_str(), id.revision.as_str()),
            ("stabilityai/stable-diffusion-xl-base-1.0", "main")
        );
        let id: Id = "a/b@refs/pr/3".parse().unwrap();
        assert_eq!((id.repository.as_str(), id.revision.as_str()), ("a/b", "refs/pr/3"));
        for bad in
            ["", "a", "/a", "a/", "a/b/c", "../b", "./b", "a/..", "a/b@", "a/b@../c", "a/b@/c", "a b/c", "a/b?c", "é/b"]
        {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }
}

//! The transfer of a repository's files into the cache, going on where one was cut off.
//!
//! What a server says becomes paths, and what it sends becomes files: both are checked here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::StatusCode;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};

use super::cache::{Repository, within};
use super::server::{Answer, Server, broken, content_range};
use super::{Hub, Id};
use crate::{Code, DrawError};

/// No repository with a model that can be used here has so many.
const MAX_LISTED: usize = 100_000;
/// Bytes of the list of them.
const MAX_LIST: usize = 64 << 20;
/// A commit, and the name of a content.
const MAX_NAME: usize = 128;

pub struct Remote<'a> {
    hub: &'a Hub,
    id: &'a Id,
    server: Server,
    cached: Repository,
    runtime: Runtime,
}

/// A file as the server tells of it before it sends it.
struct Announced {
    commit: String,
    /// The content's name; where it is as long as one, its SHA-256.
    etag: String,
    size: u64,
}

#[derive(Deserialize)]
struct Listed {
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl<'a> Remote<'a> {
    pub fn open(hub: &'a Hub, id: &'a Id) -> Result<Self, DrawError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| DrawError::new(Code::Internal, e.to_string()))?;
        Ok(Self { hub, id, server: Server::open(hub)?, cached: Repository::of(&hub.cache, id), runtime })
    }

    /// Paths of all files of the revision.
    pub fn files(&self) -> Result<Vec<String>, DrawError> {
        let path = format!("api/models/{}/revision/{}", self.id.repository, self.revision());
        let listed = self.patiently(|| self.runtime.block_on(self.list(&path)))?;
        if listed.siblings.len() > MAX_LISTED {
            return Err(DrawError::new(Code::HubFailed, format!("{} files in one repository", listed.siblings.len())));
        }
        Ok(listed.siblings.into_iter().map(|file| file.rfilename).collect())
    }

    /// The path of a file in the cache, where it is once this returns. Names are those that this runner asks for, never
    /// the server's.
    pub fn fetch(&self, file: &str, shown: bool) -> Result<PathBuf, DrawError> {
        self.patiently(|| self.runtime.block_on(self.fetch_once(file, shown))).map_err(|e| e.at(file))
    }

    /// Tries again what another try may change.
    fn patiently<T>(&self, act: impl Fn() -> Result<T, DrawError>) -> Result<T, DrawError> {
        for pause in &self.hub.pauses {
            match act() {
                Err(e) if e.code == Code::HubUnreachable => std::thread::sleep(*pause),
                done => return done,
            }
        }
        act()
    }

    /// As it stands in addresses.
    fn revision(&self) -> String {
        self.id.revision.replace('/', "%2F")
    }

    async fn list(&self, path: &str) -> Result<Listed, DrawError> {
        let Answer { mut response, .. } = self.server.get(path, None).await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(|e| broken(&e))? {
            if body.len() + bytes.len() > MAX_LIST {
                return Err(DrawError::new(Code::HubFailed, "a list of files without an end"));
            }
            body.extend_from_slice(&bytes);
        }
        serde_json::from_slice(&body).map_err(|e| DrawError::new(Code::HubFailed, format!("the list of files: {e}")))
    }

    async fn announced(&self, path: &str) -> Result<Announced, DrawError> {
        let Answer { response, commit, etag } = self.server.get(path, Some("bytes=0-0")).await?;
        let told = |name: Option<String>| {
            let name = name.unwrap_or_default();
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if name.is_empty() || name.len() > MAX_NAME || !plain {
                return Err(DrawError::new(Code::HubFailed, format!("the server calls a content {name:?}")));
            }
            Ok(name)
        };
        let (commit, etag) = (told(commit)?, told(etag)?);
        let Some((_, size)) = content_range(&response) else {
            return Err(DrawError::new(Code::HubFailed, "the server does not say how long it is"));
        };
        Ok(Announced { commit, etag, size })
    }

    async fn fetch_once(&self, file: &str, shown: bool) -> Result<PathBuf, DrawError> {
        let path = format!("{}/resolve/{}/{file}", self.id.repository, self.revision());
        let announced = self.announced(&path).await?;
        let pointer = self.cached.snapshot(&announced.commit).join(file);
        if length(&pointer) == Some(announced.size) {
            return Ok(pointer);
        }
        let blob = self.cached.blob(&announced.etag);
        within(&blob).map_err(|e| unwritten(&e))?;
        // Of several runners one loads it and the others wait.
        let lock = File::create(blob.with_extension("lock")).map_err(|e| unwritten(&e))?;
        lock.lock().map_err(|e| unwritten(&e))?;
        if length(&blob) != Some(announced.size) {
            let part = blob.with_extension("part");
            let bar = bar(file, announced.size, shown);
            let sent = self.transfer(&path, &announced, &part, &bar).await;
            bar.finish_and_clear();
            sent?;
            if let Err(e) = check(&part, &announced) {
                std::fs::remove_file(&part).map_err(|e| unwritten(&e))?;
                return Err(e);
            }
            std::fs::rename(&part, &blob).map_err(|e| unwritten(&e))?;
        }
        let linked = self.cached.link(&announced.etag, (&announced.commit, file), &self.id.revision);
        linked.map_err(|e| unwritten(&e))
    }

    /// Brings `part` to its full length.
    async fn transfer(
        &self,
        path: &str,
        announced: &Announced,
        part: &Path,
        bar: &ProgressBar,
    ) -> Result<(), DrawError> {
        let unfinished = |why: &str| DrawError::new(Code::HubUnreachable, why);
        let mut to = OpenOptions::new().create(true).append(true).open(part).map_err(|e| unwritten(&e))?;
        let mut length = to.metadata().map_err(|e| unwritten(&e))?.len();
        if length > announced.size {
            to.set_len(0).map_err(|e| unwritten(&e))?;
            length = 0;
        }
        if length == announced.size {
            return Ok(());
        }
        let Answer { mut response, .. } = self.server.get(path, Some(&format!("bytes={length}-"))).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // It knows nothing of ranges, and sends all.
            to.set_len(0).map_err(|e| unwritten(&e))?;
            length = 0;
        } else if content_range(&response) != Some((length, announced.size)) {
            return Err(DrawError::new(Code::HubFailed, "the server sends what was not asked for"));
        }
        bar.set_position(length);
        while let Some(bytes) = response.chunk().await.map_err(|e| broken(&e))? {
            length += bytes.len() as u64;
            if length > announced.size {
                return Err(unfinished("more arrives than was announced"));
            }
            to.write_all(&bytes).map_err(|e| unwritten(&e))?;
            bar.set_position(length);
        }
        if length == announced.size { Ok(()) } else { Err(unfinished("the answer ends early")) }
    }
}

fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|found| found.len())
}

fn bar(file: &str, size: u64, shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let look = "{msg} [{elapsed_precise}] [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} ({eta})";
    let style = ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(size).with_style(style).with_message(file.to_owned())
}

/// Whether a file has the length and, where its name is one, the SHA-256 that it was announced with.
fn check(file: &Path, announced: &Announced) -> Result<(), DrawError> {
    let mut file = File::open(file).map_err(|e| unwritten(&e))?;
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
    let named = announced.etag.len() == digest.len();
    if length == announced.size && (!named || announced.etag == digest) {
        return Ok(());
    }
    Err(DrawError::new(Code::HubUnreachable, "what arrived is not what was announced"))
}

fn unwritten(e: &io::Error) -> DrawError {
    DrawError::new(Code::HubFailed, format!("the cache can't be written: {e}"))
}

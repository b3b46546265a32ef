//! Files between this machine and the edge, under the lease: state files that are fetched by ranges, and states and
//! results that are uploaded in parts. Must not know what the files hold.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use domain::id::hex;
use protocol::runner::{PART_BYTES, SavedState, state_path};
use sha2::{Digest, Sha256};

use super::task_folder::TaskFolder;
use crate::serve::hold::{Hold, Miss};
use crate::serve::weights::blocking;

/// So much of a file is fetched at a time.
const PIECE: u64 = 32 << 20;

/// Why a file did not get to the other side.
#[derive(Debug)]
pub enum TransferError {
    Miss(Miss),
    Io(io::Error),
}

impl From<Miss> for TransferError {
    fn from(miss: Miss) -> Self {
        TransferError::Miss(miss)
    }
}

impl From<io::Error> for TransferError {
    fn from(error: io::Error) -> Self {
        TransferError::Io(error)
    }
}

/// A file that the edge has.
#[derive(Clone, Debug)]
pub struct Uploaded {
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// Uploads a file in parts of `PART_BYTES`, one after the other.
pub async fn upload(hold: &Hold<'_>, file: &Path) -> Result<Uploaded, TransferError> {
    let key = hold.begin_upload().await?;
    let path = file.to_path_buf();
    let mut file = blocking(move || File::open(path)).await?;
    let (mut parts, mut hash, mut size) = (Vec::new(), Sha256::new(), 0);
    loop {
        let part;
        (file, hash, part) = blocking(move || {
            let mut part = Vec::new();
            (&mut file).take(PART_BYTES).read_to_end(&mut part)?;
            hash.update(&part);
            Ok((file, hash, Bytes::from(part)))
        })
        .await?;
        // An empty file has one part too.
        if part.is_empty() && !parts.is_empty() {
            break;
        }
        size += part.len() as u64;
        let last = (part.len() as u64) < PART_BYTES;
        let number = u16::try_from(parts.len() + 1).map_err(|_| io::Error::other("more parts than there can be"))?;
        parts.push(hold.upload_part(&key, number, part).await?);
        if last {
            break;
        }
    }
    hold.complete_upload(&key, parts).await?;
    Ok(Uploaded { key, size, sha256: hex(&hash.finalize()) })
}

/// The state of an earlier attempt as a file of the folder; fetched unless it is there.
///
/// # Errors
///
/// `Io` with `InvalidData` when the file has another hash or length than announced.
pub async fn fetch_state(
    hold: &Hold<'_>,
    folder: &Arc<TaskFolder>,
    state: &SavedState,
) -> Result<PathBuf, TransferError> {
    let (kept, sha256) = (folder.clone(), state.sha256.clone());
    if let Some(path) = blocking(move || Ok(kept.find(&sha256))).await? {
        return Ok(path);
    }
    let path = state_path(hold.claim.task_id, hold.claim.attempt);
    let partial = folder.attempt().join("state.part");
    let (mut have, mut hash) = (0, Sha256::new());
    fs::write(&partial, b"")?;
    while have < state.size {
        let range = Range { start: have, end: state.size.min(have.saturating_add(PIECE)) };
        let piece = hold.piece(&path, range.clone()).await?;
        if piece.len() as u64 != range.end - range.start {
            return Err(mismatch(format!("{} bytes of {range:?}", piece.len())).into());
        }
        have = range.end;
        let partial = partial.clone();
        hash = blocking(move || {
            hash.update(&piece);
            OpenOptions::new().append(true).open(partial)?.write_all(&piece).map(|()| hash)
        })
        .await?;
    }
    if hex(&hash.finalize()) != state.sha256 {
        return Err(mismatch("another hash than announced".into()).into());
    }
    fs::rename(&partial, folder.file(&state.sha256))?;
    Ok(folder.file(&state.sha256))
}

fn mismatch(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

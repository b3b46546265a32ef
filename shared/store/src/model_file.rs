//! The stored file of a model, checked by its header. No more of it is read: it may be larger than an isolate's memory.

mod header;

use bytes::Bytes;
use ports::{BlobError, Blobs, Range};

pub use header::Tensors;

/// A safetensors file in the object store.
#[derive(Debug)]
pub struct ModelFile {
    /// Bytes.
    pub size: u64,
    /// Lower-case hex, where the object store knows it.
    pub sha256: Option<String>,
    /// Its tensors.
    pub tensors: Tensors,
}

/// Why a file is refused.
#[derive(Debug)]
pub enum Refusal {
    /// It is no safetensors file; the reason is for the log.
    Invalid(&'static str),
    /// The object store failed.
    Store(BlobError),
}

impl From<BlobError> for Refusal {
    fn from(error: BlobError) -> Self {
        Refusal::Store(error)
    }
}

/// Checks the header of the object with this key.
pub async fn check(blobs: &dyn Blobs, key: &str) -> Result<ModelFile, Refusal> {
    let info = blobs.head(key).await?.ok_or(Refusal::Invalid("there is no file"))?;
    let rest = info.size.checked_sub(header::LENGTH).ok_or(Refusal::Invalid("it is shorter than a header's length"))?;
    let start = read(blobs, key, 0, header::LENGTH).await?;
    let length = header::length(&start, rest).map_err(Refusal::Invalid)?;
    let text = read(blobs, key, header::LENGTH, length).await?;
    let tensors = header::check(&text, rest - length).map_err(Refusal::Invalid)?;
    Ok(ModelFile { size: info.size, sha256: info.sha256, tensors })
}

/// Reads `length` bytes from `first` on; there is at least one.
async fn read(blobs: &dyn Blobs, key: &str, first: u64, length: u64) -> Result<Bytes, Refusal> {
    let blob = blobs.get(key, Some(Range { first, last: first + length - 1 })).await?;
    Ok(blob.ok_or(Refusal::Invalid("the file is gone"))?.body.read().await?)
}

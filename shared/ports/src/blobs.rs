//! The object store port: objects by key, read by ranges and written in parts. Bodies may be streams, so that objects
//! larger than the isolate's memory can pass.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

use crate::Source;

/// Chunks of a body.
pub type BlobStream = BoxStream<'static, Result<Bytes, BlobError>>;

/// Why the store did not do it.
#[derive(Clone, Debug)]
pub enum BlobError {
    /// The caller's mistake: unknown upload, missing or differing part.
    Parts(Source),
    /// The store's failure.
    Other(Source),
}

impl BlobError {
    /// A failure of the store.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BlobError {
        BlobError::Other(Source::new(error))
    }

    /// A mistake in an upload's parts.
    pub fn parts(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BlobError {
        BlobError::Parts(Source::new(error))
    }
}

impl std::fmt::Display for BlobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (BlobError::Parts(source) | BlobError::Other(source)) = self;
        source.fmt(f)
    }
}

impl std::error::Error for BlobError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let (BlobError::Parts(source) | BlobError::Other(source)) = self;
        Some(source)
    }
}

/// What the store knows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// Bytes of the whole object.
    pub size: u64,
    /// Media type.
    pub content_type: String,
    /// Strong, without quotes.
    pub etag: String,
    /// Lower-case hex, where the store knows it.
    pub sha256: Option<String>,
}

/// Bytes `first..=last`, both within the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Range {
    pub first: u64,
    pub last: u64,
}

/// The bytes of an object, on their way in or out.
pub enum BlobBody {
    /// All in memory.
    Bytes(Bytes),
    /// A stream, and its length in bytes.
    Stream(BlobStream, u64),
}

impl BlobBody {
    /// Reads the body into memory; for objects known to be small.
    pub async fn read(self) -> Result<Bytes, BlobError> {
        match self {
            BlobBody::Bytes(bytes) => Ok(bytes),
            BlobBody::Stream(stream, _) => Ok(stream.try_collect::<Vec<_>>().await?.concat().into()),
        }
    }
}

/// An object, or a range of it.
pub struct Blob {
    /// About the whole object.
    pub info: BlobInfo,
    /// The bytes that were asked for.
    pub body: BlobBody,
}

/// A stored part of a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u16,
    /// As the store returned it.
    pub etag: String,
}

/// Objects by key.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// False where this function has no object store bound: every other call fails.
    fn is_bound(&self) -> bool {
        true
    }
    /// Stores or replaces an object; `sha256` (lower-case hex) is checked where given.
    async fn put(
        &self,
        key: &str,
        content_type: &str,
        sha256: Option<&str>,
        body: BlobBody,
    ) -> Result<BlobInfo, BlobError>;
    /// Describes an object.
    async fn head(&self, key: &str) -> Result<Option<BlobInfo>, BlobError>;
    /// Reads an object or a range of it.
    async fn get(&self, key: &str, range: Option<Range>) -> Result<Option<Blob>, BlobError>;
    /// Deletes an object; deleting an absent one succeeds.
    async fn delete(&self, key: &str) -> Result<(), BlobError>;
    /// Begins a multipart upload; returns its id.
    async fn begin(&self, key: &str, content_type: &str) -> Result<String, BlobError>;
    /// Stores one part.
    async fn put_part(&self, key: &str, upload: &str, number: u16, body: BlobBody) -> Result<Part, BlobError>;
    /// Puts the parts together, in this order.
    async fn complete(&self, key: &str, upload: &str, parts: &[Part]) -> Result<BlobInfo, BlobError>;
    /// Gives an upload up, with its parts.
    async fn abort(&self, key: &str, upload: &str) -> Result<(), BlobError>;
}

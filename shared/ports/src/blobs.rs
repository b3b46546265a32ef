//! The object-store port: files by key, with ranges out and parts in. Bodies may be streams, so that an object larger
//! than the isolate's memory can pass.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

pub type BlobStream = BoxStream<'static, Result<Bytes, BlobError>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobError {
    /// Unknown upload, missing or differing part.
    Parts(String),
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// Bytes of the whole object.
    pub size: u64,
    pub content_type: String,
    /// Strong, without quotes.
    pub etag: String,
    /// Lower-case hex, where the store knows it.
    pub sha256: Option<String>,
}

/// Bytes `first..=last`, both within the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u64,
    pub last: u64,
}

pub enum BlobBody {
    Bytes(Bytes),
    /// A stream of exactly so many bytes.
    Stream(BlobStream, u64),
}

impl BlobBody {
    /// All of it in memory: for what is known to be small.
    pub async fn read(self) -> Result<Bytes, BlobError> {
        match self {
            BlobBody::Bytes(bytes) => Ok(bytes),
            BlobBody::Stream(stream, _) => Ok(stream.try_collect::<Vec<_>>().await?.concat().into()),
        }
    }
}

pub struct Blob {
    pub info: BlobInfo,
    pub body: BlobBody,
}

/// A stored part of a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub number: u16,
    pub etag: String,
}

#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores or replaces an object; `sha256` (lower-case hex) is checked where given.
    async fn put(
        &self,
        key: &str,
        content_type: &str,
        sha256: Option<&str>,
        body: BlobBody,
    ) -> Result<BlobInfo, BlobError>;
    async fn head(&self, key: &str) -> Result<Option<BlobInfo>, BlobError>;
    async fn get(&self, key: &str, range: Option<Range>) -> Result<Option<Blob>, BlobError>;
    /// Deleting what is not there succeeds.
    async fn delete(&self, key: &str) -> Result<(), BlobError>;
    /// Begins a multipart upload; returns its id.
    async fn begin(&self, key: &str, content_type: &str) -> Result<String, BlobError>;
    async fn put_part(&self, key: &str, upload: &str, number: u16, body: BlobBody) -> Result<Part, BlobError>;
    async fn complete(&self, key: &str, upload: &str, parts: &[Part]) -> Result<BlobInfo, BlobError>;
    async fn abort(&self, key: &str, upload: &str) -> Result<(), BlobError>;
}

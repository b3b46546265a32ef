//! The stand-in for a capability that a deployment has not bound: every call fails with an error that names it.

use async_trait::async_trait;
use domain::room::{Event, Join};

use crate::{
    Blob, BlobBody, BlobError, BlobInfo, Blobs, Fetch, FetchError, FetchRequest, FetchResponse, Hub, HubError, Kv,
    KvError, Part, Queue, QueueError, Range, Rows, Source, Sql, SqlError, Stmt, Upgraded,
};

/// The capability of this name is not bound.
pub struct Unbound(pub &'static str);

impl Unbound {
    fn source(&self) -> Source {
        Source::new(format!("{} is not bound in this deployment", self.0))
    }
}

#[async_trait]
impl Sql for Unbound {
    async fn run(&self, _: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        Err(SqlError::Other(self.source()))
    }
}

#[async_trait]
impl Kv for Unbound {
    async fn get(&self, _: &str) -> Result<Option<String>, KvError> {
        Err(KvError(self.source()))
    }
    async fn put(&self, _: &str, _: &str) -> Result<(), KvError> {
        Err(KvError(self.source()))
    }
    async fn delete(&self, _: &str) -> Result<(), KvError> {
        Err(KvError(self.source()))
    }
}

#[async_trait]
impl Blobs for Unbound {
    fn is_bound(&self) -> bool {
        false
    }
    async fn put(&self, _: &str, _: &str, _: Option<&str>, _: BlobBody) -> Result<BlobInfo, BlobError> {
        Err(BlobError::Other(self.source()))
    }
    async fn head(&self, _: &str) -> Result<Option<BlobInfo>, BlobError> {
        Err(BlobError::Other(self.source()))
    }
    async fn get(&self, _: &str, _: Option<Range>) -> Result<Option<Blob>, BlobError> {
        Err(BlobError::Other(self.source()))
    }
    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Err(BlobError::Other(self.source()))
    }
    async fn begin(&self, _: &str, _: &str) -> Result<String, BlobError> {
        Err(BlobError::Other(self.source()))
    }
    async fn put_part(&self, _: &str, _: &str, _: u16, _: BlobBody) -> Result<Part, BlobError> {
        Err(BlobError::Other(self.source()))
    }
    async fn complete(&self, _: &str, _: &str, _: &[Part]) -> Result<BlobInfo, BlobError> {
        Err(BlobError::Other(self.source()))
    }
    async fn abort(&self, _: &str, _: &str) -> Result<(), BlobError> {
        Err(BlobError::Other(self.source()))
    }
}

#[async_trait]
impl Queue for Unbound {
    async fn send(&self, _: &str, _: &str) -> Result<(), QueueError> {
        Err(QueueError(self.source()))
    }
}

#[async_trait]
impl Hub for Unbound {
    async fn publish(&self, _: &str, _: &Event) -> Result<(), HubError> {
        Err(HubError(self.source()))
    }
    async fn watch(&self, _: &str, _: &Join) -> Result<Upgraded, HubError> {
        Err(HubError(self.source()))
    }
    async fn wake(&self) -> Result<(), HubError> {
        Err(HubError(self.source()))
    }
}

#[async_trait]
impl Fetch for Unbound {
    async fn send(&self, _: FetchRequest) -> Result<FetchResponse, FetchError> {
        Err(FetchError::Failed(self.source()))
    }
}

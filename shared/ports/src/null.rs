//! Stand-ins for capabilities a deployment has not bound. They never pretend: each answers with an error that names
//! what is missing.

use async_trait::async_trait;
use domain::room::{Event, Join};

use crate::{
    Answer, Blob, BlobBody, BlobError, BlobInfo, Blobs, Fetch, FetchError, Hub, HubError, Kv, KvError, Outgoing, Part,
    Queue, QueueError, Range, Rows, Sql, SqlError, Stmt, Upgraded,
};

/// The capability of this name is not bound.
pub struct Unbound(pub &'static str);

impl Unbound {
    fn why(&self) -> String {
        format!("{} is not bound in this deployment", self.0)
    }
}

#[async_trait]
impl Sql for Unbound {
    async fn run(&self, _: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        Err(SqlError::Other(self.why()))
    }
}

#[async_trait]
impl Kv for Unbound {
    async fn get(&self, _: &str) -> Result<Option<String>, KvError> {
        Err(KvError(self.why()))
    }
    async fn put(&self, _: &str, _: &str) -> Result<(), KvError> {
        Err(KvError(self.why()))
    }
    async fn delete(&self, _: &str) -> Result<(), KvError> {
        Err(KvError(self.why()))
    }
}

#[async_trait]
impl Blobs for Unbound {
    async fn put(&self, _: &str, _: &str, _: Option<&str>, _: BlobBody) -> Result<BlobInfo, BlobError> {
        Err(BlobError::Other(self.why()))
    }
    async fn head(&self, _: &str) -> Result<Option<BlobInfo>, BlobError> {
        Err(BlobError::Other(self.why()))
    }
    async fn get(&self, _: &str, _: Option<Range>) -> Result<Option<Blob>, BlobError> {
        Err(BlobError::Other(self.why()))
    }
    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Err(BlobError::Other(self.why()))
    }
    async fn begin(&self, _: &str, _: &str) -> Result<String, BlobError> {
        Err(BlobError::Other(self.why()))
    }
    async fn put_part(&self, _: &str, _: &str, _: u16, _: BlobBody) -> Result<Part, BlobError> {
        Err(BlobError::Other(self.why()))
    }
    async fn complete(&self, _: &str, _: &str, _: &[Part]) -> Result<BlobInfo, BlobError> {
        Err(BlobError::Other(self.why()))
    }
    async fn abort(&self, _: &str, _: &str) -> Result<(), BlobError> {
        Err(BlobError::Other(self.why()))
    }
}

#[async_trait]
impl Queue for Unbound {
    async fn send(&self, _: &str, _: &str) -> Result<(), QueueError> {
        Err(QueueError(self.why()))
    }
}

#[async_trait]
impl Hub for Unbound {
    async fn publish(&self, _: &str, _: &Event) -> Result<(), HubError> {
        Err(HubError(self.why()))
    }
    async fn watch(&self, _: &str, _: &Join) -> Result<Upgraded, HubError> {
        Err(HubError(self.why()))
    }
    async fn wake(&self) -> Result<(), HubError> {
        Err(HubError(self.why()))
    }
}

#[async_trait]
impl Fetch for Unbound {
    async fn send(&self, _: Outgoing) -> Result<Answer, FetchError> {
        Err(FetchError::Failed(self.why()))
    }
}

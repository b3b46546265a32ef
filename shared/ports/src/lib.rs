//! What the platform needs of the machine it runs on, as small object-safe traits: a database, a key-value store, an
//! object store, a queue, a hub for sockets, calls to the outside.
//!
//! Nothing here names an engine. `edge` has the adapters, `unbound` stands in for what a deployment has not bound, and
//! `conformance` is the suite every adapter must pass.

mod blobs;
pub mod conformance;
mod fetch;
mod hub;
mod kv;
mod queue;
mod runtime;
mod source;
mod sql;
pub mod unbound;

pub use blobs::{Blob, BlobBody, BlobError, BlobInfo, BlobStream, Blobs, Part, Range};
pub use fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
pub use hub::{Hub, HubError, Upgraded};
pub use kv::{Kv, KvError};
pub use queue::{Queue, QueueError};
pub use runtime::{Background, Config, Rng, Runtime};
pub use source::Source;
pub use sql::{Row, Rows, Sql, SqlError, Stmt, Value};

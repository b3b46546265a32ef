//! What the platform needs of the machines it runs on, as small object-safe traits: a database, a key-value store,
//! an object store, a queue, a hub for sockets, calls to the outside. Nothing here names an engine; `edge` has the adapters, `null` the
//! objects that stand in for what a deployment has not bound, `conformance` the suite every adapter must pass.

mod blobs;
pub mod conformance;
mod context;
mod fetch;
mod hub;
mod kv;
pub mod null;
mod queue;
mod sql;

pub use blobs::{Blob, BlobBody, BlobError, BlobInfo, BlobStream, Blobs, Part, Range};
pub use context::{Background, Config, Cx, Entropy, Ports};
pub use fetch::{Answer, Fetch, FetchError, Outgoing};
pub use hub::{Hub, HubError, Upgraded};
pub use kv::{Kv, KvError};
pub use queue::{Queue, QueueError};
pub use sql::{Row, Rows, Sql, SqlError, Stmt, Value};

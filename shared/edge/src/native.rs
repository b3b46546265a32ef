//! The native platform: SQLite through rusqlite, objects and keys in memory. Tests run on it. Its limits are those of
//! D1, so that a statement that passes here passes there.

mod blobs;
mod fetch;
mod kv;
mod sql;

pub use blobs::MemoryBlobs;
pub use fetch::MockFetch;
pub use kv::MemoryKv;
pub use sql::NativeSql;

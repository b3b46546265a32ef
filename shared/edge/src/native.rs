//! The native platform: SQLite through rusqlite, objects and keys in memory. It is what the tests run on; limits are
//! set to those of D1, so that a statement that passes here passes there.

mod blobs;
mod fetch;
mod kit;
mod kv;
mod sql;

pub use blobs::MemoryBlobs;
pub use fetch::Outside;
pub use kit::{Account, Call, Kit, Reply};
pub use kv::MemoryKv;
pub use sql::NativeSql;

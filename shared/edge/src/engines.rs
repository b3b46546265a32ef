//! The engines that a function is linked with only where it asks for them. What is not linked answers as if it were not
//! bound.

/// None of them.
pub const NONE: u8 = 0;
/// The key-value store.
pub const KV: u8 = 1;
/// The object store.
pub const BLOBS: u8 = 2;
/// Calls to the outside.
pub const FETCH: u8 = 4;
/// All of them.
pub const ALL: u8 = KV | BLOBS | FETCH;

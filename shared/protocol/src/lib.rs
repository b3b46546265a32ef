//! The wire types between the edge, its runners and the receivers of webhooks (docs/API.md §5): messages as serde
//! types, the addresses they go to, and Standard Webhooks signatures. No I/O, no HTTP client, no database.

pub mod runner;
pub mod webhook;

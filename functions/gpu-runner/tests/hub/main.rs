//! Models by their names, from a server of the test's own that can be told to misbehave.

mod faults;
mod loads;
mod program;
mod server;
#[path = "../support/shards.rs"]
mod shards;

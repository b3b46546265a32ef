//! The suite every adapter must pass, as checks that return the first difference. Native tests call them directly; the
//! function `conformance` runs them inside workerd and Spin.

mod blobs;
mod fetch;
mod hub;
mod kv;
mod queue;
mod sql;

pub use blobs::blobs;
pub use fetch::fetch;
pub use hub::hub;
pub use kv::kv;
pub use queue::queue;
pub use sql::sql;

/// The outcome of one check: what differs, if something does.
pub type Check = Result<(), String>;

fn expect(holds: bool, difference: &str) -> Check {
    if holds { Ok(()) } else { Err(difference.to_string()) }
}

//! The kit that tests of functions are written with: `Kit` runs a function over in-memory engines, `rules` checks what
//! every resource must do, `golden` compares its replies with committed files, `spec` has executable specifications of
//! the ledger and of a task's life.
//!
//! For tests alone, so it panics where a test should fail.

mod call;
mod engines;
pub mod golden;
mod kit;
pub mod plans;
mod reply;
pub mod rules;
mod shapes;
pub mod spec;

pub use call::Call;
pub use engines::TestKv;
pub use kit::{Account, Kit};
pub use reply::Reply;
pub use shapes::assert_shape;

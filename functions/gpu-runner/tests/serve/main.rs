//! The serve loop against an edge in miniature.

mod edge;
mod faults;
mod inputs;
mod lease;
mod life;
mod loras;
mod process;
mod rig;
#[path = "../support/mod.rs"]
mod support;

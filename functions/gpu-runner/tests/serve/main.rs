//! The serve loop against an edge in miniature.

mod edge;
#[path = "../checkpoints/family.rs"]
#[expect(dead_code, reason = "what is only for tests of files as such")]
mod family;
mod faults;
mod inputs;
mod lease;
mod life;
mod loras;
mod models;
mod process;
mod rig;
#[path = "../support/mod.rs"]
mod support;
mod training_edge;
mod training_faults;
mod training_resume;
mod training_rig;
mod trainings;

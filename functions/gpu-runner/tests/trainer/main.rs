//! The trainer: what learns and what does not, and that it goes on after any end as if there had been none.

#[path = "../support/mod.rs"]
mod support;

mod kinds;
mod process;
mod resume;
mod rig;

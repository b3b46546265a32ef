//! LoRA, textual inversion, hypernetworks and prompts: parity on the fixtures that `fixtures/adapters.py` made, what
//! switching leaves behind, and files that lie.

mod fixture;
mod layers;
#[path = "../support/on.rs"]
mod on;
mod parity;
mod prompts;
mod refusals;
mod switching;

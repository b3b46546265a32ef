//! What changes a model without being one: LoRA, learned words, hypernetworks. Reads and checks their files, matches
//! them with the networks, and writes the layers that change. Knows nothing of jobs.

mod adapted;
mod embedding;
mod file;
pub mod hypernetwork;
mod lora;
mod names;

pub use adapted::{Adapted, Change, Layers};
pub use embedding::Embedding;
pub use file::{Stamp, takes};
pub use lora::Lora;
pub use names::Part;

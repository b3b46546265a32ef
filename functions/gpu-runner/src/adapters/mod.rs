//! What changes a model without being one: LoRA, learned words, hypernetworks. Reads and checks their files, matches
//! them with the networks, and builds networks anew with what changed. Knows nothing of jobs.

mod adapted;
mod file;
mod lora;
mod names;

pub use adapted::Adapted;
pub use file::Stamp;
pub use lora::Lora;
pub use names::Part;

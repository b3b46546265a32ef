//! Results as the files that others read: kohya's LoRAs, embeddings and checkpoints of the web UIs, directories of
//! diffusers. What a file says about itself is in `about`, how it is written in `file`.
//!
//! Knows nothing of how they were learnt. The same values give the same bytes.

mod about;
mod base;
mod checkpoint;
mod directory;
mod embedding;
mod file;
mod hypernetwork;
mod lora;
mod result;

pub use about::{About, facts};
pub use base::Base;
pub use checkpoint::{checkpoint, untold};
pub use directory::{check_directory, directory};
pub use embedding::embedding;
pub use file::{Layout, Pending, Tensors};
pub use hypernetwork::{Structure, hypernetwork};
pub use lora::{Factors, lora};
pub use result::{Learning, result};

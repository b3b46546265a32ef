//! Where a network's tensors come from: a checked file, and a source that remembers what was asked of it, so that single
//! tensors can be read again when they are to change. Knows nothing of who changes what.

mod file;
mod source;

pub use file::Weights;
pub use source::Source;

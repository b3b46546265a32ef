//! Where a network's tensors come from: a checked file or several, and a source that remembers what was asked of it, so
//! that single tensors can be read again when they are to change. Knows nothing of who changes what.

mod file;
mod index;
mod parts;
mod source;

pub use file::Weights;
pub use index::Index;
pub use parts::{indices, single};
pub use source::Source;

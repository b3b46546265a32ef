//! Where a network's tensors come from: a checked file, and a source that remembers what it gave, so that the network
//! can be built again with some of it changed. Knows nothing of who changes what.

mod file;
mod kept;

pub use file::Weights;
pub use kept::Kept;

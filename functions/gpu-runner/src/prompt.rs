//! From a prompt as people write it to the token ids that a text encoder reads: emphasis, learned words, and chunks
//! where the text is longer than the encoder. Knows nothing of tensors.

mod chunks;
mod emphasis;
mod learned;

pub use chunks::{Chunk, chunks, plain};
pub use emphasis::{Part, parse};
pub use learned::Learned;

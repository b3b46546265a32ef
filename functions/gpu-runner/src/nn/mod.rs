//! Layers built from operations that have gradients, so that one implementation serves drawing and training.
//!
//! candle-nn's own layer norm and fused softmax have none and say nothing.

mod activation;
mod attention;
mod conv;
mod norm;

pub use activation::Activation;
pub use attention::{attention, join_heads, split_heads};
pub use conv::conv;
pub use norm::{GroupNorm, LayerNorm};

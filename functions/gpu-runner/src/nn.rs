//! Layers with gradients, so that one implementation serves drawing and training.
//!
//! In single precision on the CPU `cpu` does each in one pass, and one back: `node` hangs that into candle's graph
//! where a gradient is asked for. Elsewhere they are candle's operations. candle-nn's own layer norm and fused softmax
//! have no gradients and say nothing.

mod activation;
mod attention;
mod conv;
mod cpu;
#[cfg(feature = "flash-attn")]
mod flash;
#[cfg(test)]
mod gradients;
mod linear;
mod node;
mod norm;
mod precision;
mod recompute;
mod side;
#[cfg(test)]
mod tests;
mod weighted;

pub use activation::Activation;
pub use attention::{attend, attention, join_heads, split_heads};
pub use conv::{Around, Conv, conv};
pub use cpu::within_pool;
pub use linear::{Geglu, Linear, linear, linear_no_bias};
pub use norm::{GroupNorm, LayerNorm};
pub use precision::{is_half, wide};
pub use recompute::recomputed;
pub use weighted::{Visit, Weighted};

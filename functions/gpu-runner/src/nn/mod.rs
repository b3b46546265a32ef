//! Layers built from operations that have gradients, so that one implementation serves drawing and training.
//!
//! candle-nn's own layer norm and fused softmax have none and say nothing. Where nothing asks for gradients and the device
//! is the CPU, `cpu` does the same in one pass.

mod activation;
mod attention;
mod conv;
mod cpu;
mod linear;
mod norm;
#[cfg(test)]
mod tests;
mod weighted;

pub use activation::Activation;
pub use attention::{attend, attention, join_heads, split_heads};
pub use conv::{Around, Conv, conv};
pub use cpu::within_pool;
pub use linear::{Geglu, Linear, linear, linear_no_bias};
pub use norm::{GroupNorm, LayerNorm};
pub use weighted::{Visit, Weighted};

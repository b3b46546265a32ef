//! Square convolutions.

use candle_core::Result;
use candle_nn::{Conv2d, Conv2dConfig, VarBuilder};

/// `kernel` × `kernel`, stride 1, padded so that the picture keeps its size. `kernel` is odd.
pub fn conv(inputs: usize, outputs: usize, kernel: usize, vb: VarBuilder) -> Result<Conv2d> {
    let config = Conv2dConfig { padding: kernel / 2, ..Default::default() };
    candle_nn::conv2d(inputs, outputs, kernel, config, vb)
}

//! Halving and doubling of pictures between the levels of a network.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::nn::{Conv, Visit};

/// Convolution of 3 × 3 with stride 2.
pub struct Downsample {
    conv: Conv,
}

impl Downsample {
    /// `padding` 0 means right and below only, as in the autoencoder; 1 means all around.
    pub fn load(channels: usize, padding: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self { conv: Conv::halving(channels, padding, vb.pp("conv"))? })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        visit(&format!("{at}.conv"), &mut self.conv)
    }

    /// (batch, channels, h, w) → half of it, rounded up with padding 1 and down with 0.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.conv.forward(x)
    }
}

/// Nearest neighbour, then a convolution.
pub struct Upsample {
    conv: Conv,
}

impl Upsample {
    pub fn load(channels: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self { conv: Conv::doubling(channels, vb.pp("conv"))? })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        visit(&format!("{at}.conv"), &mut self.conv)
    }

    /// (batch, channels, h, w) → `size`, which is 2h or 2h − 1 by 2w or 2w − 1: what a halving came from.
    pub fn forward(&self, x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        self.conv.forward_doubling(x, size)
    }
}

//! Halving and doubling of pictures between the levels of a network.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, VarBuilder};

use crate::nn::conv;

/// Convolution with stride 2.
pub struct Downsample {
    conv: Conv2d,
    /// The autoencoder pads right and below only.
    one_sided: bool,
}

impl Downsample {
    /// `padding` 0 means the one-sided padding of the autoencoder, as in the reference.
    pub fn load(channels: usize, padding: usize, vb: VarBuilder) -> Result<Self> {
        let config = Conv2dConfig { padding, stride: 2, ..Default::default() };
        Ok(Self { conv: candle_nn::conv2d(channels, channels, 3, config, vb.pp("conv"))?, one_sided: padding == 0 })
    }

    /// (batch, channels, h, w) → half of it, rounded up.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if self.one_sided {
            self.conv.forward(&x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?)
        } else {
            self.conv.forward(x)
        }
    }
}

/// Nearest neighbour, then a convolution.
pub struct Upsample {
    conv: Conv2d,
}

impl Upsample {
    pub fn load(channels: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self { conv: conv(channels, channels, 3, vb.pp("conv"))? })
    }

    /// (batch, channels, h, w) → `size`, which is 2h or 2h − 1 by 2w or 2w − 1: what a halving came from.
    pub fn forward(&self, x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        let (batch, channels, h, w) = x.dims4()?;
        // Nearest neighbour to 2h − 1 picks the rows of the one to 2h without its last. By broadcast because the
        // gradient of candle's own interpolation does not accumulate.
        let doubled = x
            .reshape((batch, channels, h, 1, w, 1))?
            .broadcast_as((batch, channels, h, 2, w, 2))?
            .reshape((batch, channels, 2 * h, 2 * w))?;
        self.conv.forward(&doubled.narrow(2, 0, size.0)?.narrow(3, 0, size.1)?.contiguous()?)
    }
}

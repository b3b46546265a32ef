//! A cheap look at latents: a linear map from their channels to colours.
//!
//! Fitted to the model's own autoencoder by decoding constant latents, so that it holds for any of them: for channel c,
//! half the difference between the colours of +1 and −1; the offset is the colour of 0.

use candle_core::{Device, Result, Tensor};

use crate::models::vae::Vae;

/// Large enough for the middle not to see the padding around.
const SIDE: usize = 4;

pub struct Colours {
    /// (3, channels)
    weight: Tensor,
    /// (1, 3, 1, 1)
    offset: Tensor,
}

impl Colours {
    pub fn fit(vae: &Vae, channels: usize, device: &Device) -> Result<Self> {
        let one = Tensor::eye(channels, candle_core::DType::F32, device)?;
        let zero = Tensor::zeros((1, channels), candle_core::DType::F32, device)?;
        let latents = Tensor::cat(&[&one, &one.neg()?, &zero], 0)?.unsqueeze(2)?.unsqueeze(3)?;
        let count = 2 * channels + 1;
        let pictures = vae.decode(&latents.broadcast_as((count, channels, SIDE, SIDE))?.contiguous()?)?;
        let colours = pictures.mean((2, 3))?;
        let (plus, minus) = (colours.narrow(0, 0, channels)?, colours.narrow(0, channels, channels)?);
        let weight = ((plus - minus)? * 0.5)?.t()?.contiguous()?;
        Ok(Self { weight, offset: colours.narrow(0, 2 * channels, 1)?.reshape((1, 3, 1, 1))? })
    }

    /// (1, channels, h, w) → (1, 3, h, w), about −1 to 1.
    pub fn apply(&self, latents: &Tensor) -> Result<Tensor> {
        let (_, channels, h, w) = latents.dims4()?;
        self.weight.matmul(&latents.reshape((channels, h * w))?)?.reshape((1, 3, h, w))?.broadcast_add(&self.offset)
    }
}

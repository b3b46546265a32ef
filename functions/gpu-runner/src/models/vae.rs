//! The autoencoder between pixels and latents (Kingma and Welling 2013; Rombach et al. 2022), the reference's
//! `AutoencoderKL`.

mod attention;
mod config;
mod decoder;
mod encoder;
mod encoding;
mod scale;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;

pub use config::VaeConfig;
use decoder::Decoder;
use encoding::Encoding;
use scale::Scale;

use super::resnet::{Resnet, ResnetConfig};
use crate::nn::{Conv, conv, within_pool};
use attention::PixelAttention;

/// The reference fixes it.
const EPS: f64 = 1e-6;

/// Pictures and latents come and go in any precision; in between is the network's own.
pub struct Vae {
    dtype: DType,
    /// Files made for drawing from text alone leave it out.
    encoding: Option<Encoding>,
    post_quant: Option<Conv>,
    decoder: Decoder,
    scale: Scale,
}

impl Vae {
    /// Reads all of it.
    pub fn load(config: &VaeConfig, vb: VarBuilder<'static>) -> Result<Self> {
        let vae = Self::for_drawing(config, vb)?;
        vae.encoding.as_ref().map(Encoding::get).transpose()?;
        Ok(vae)
    }

    /// Leaves the way from pictures to latents where it is until a picture goes it.
    pub fn for_drawing(config: &VaeConfig, vb: VarBuilder<'static>) -> Result<Self> {
        let latent = config.latent_channels;
        let post_quant = config.use_post_quant_conv.then(|| conv(latent, latent, 1, vb.pp("post_quant_conv")));
        let encodes = vb.contains_tensor("encoder.conv_in.weight");
        Ok(Self {
            dtype: vb.dtype(),
            encoding: encodes.then(|| Encoding::new(config, vb.clone())),
            post_quant: post_quant.transpose()?,
            decoder: Decoder::load(config, vb.pp("decoder"))?,
            scale: Scale::of(config, vb.device())?,
        })
    }

    /// Whether there is a way from pictures to latents; without one `moments` and `encode` fail.
    pub fn encodes(&self) -> bool {
        self.encoding.is_some()
    }

    /// Pictures (batch, 3, h, w) within −1 to 1 → mean and logarithm of the variance, together
    /// (batch, 2 × latent channels, h / factor, w / factor), before scaling.
    pub fn moments(&self, pictures: &Tensor) -> Result<Tensor> {
        let Some(encoding) = &self.encoding else { candle_core::bail!("the autoencoder has no encoder") };
        let x = pictures.to_dtype(self.dtype)?;
        within_pool(x.device(), || encoding.forward(&x))?.to_dtype(pictures.dtype())
    }

    /// What the denoiser works on: the mean of the pictures' latents, scaled to unit variance.
    pub fn encode(&self, pictures: &Tensor) -> Result<Tensor> {
        let moments = self.moments(pictures)?;
        self.scaled(&moments.narrow(1, 0, moments.dim(1)? / 2)?)
    }

    /// Latents as the encoder has them → as the denoiser has them: of unit variance.
    pub fn scaled(&self, latents: &Tensor) -> Result<Tensor> {
        self.scale.apply(latents)
    }

    /// What the denoiser made (batch, latent channels, h, w) → pictures (batch, 3, h × factor, w × factor), about −1
    /// to 1.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        self.decode_unscaled(&self.scale.undo(latents)?)
    }

    /// The same without scaling.
    pub fn decode_unscaled(&self, latents: &Tensor) -> Result<Tensor> {
        let x = latents.to_dtype(self.dtype)?;
        let h = self.post_quant.as_ref().map_or(Ok(x.clone()), |conv| conv.forward(&x))?;
        within_pool(h.device(), || self.decoder.forward(&h))?.to_dtype(latents.dtype())
    }
}

/// Between the two halves: residual block, attention, residual block.
struct Middle {
    first: Resnet,
    attention: Option<PixelAttention>,
    last: Resnet,
}

impl Middle {
    fn load(config: &VaeConfig, vb: VarBuilder) -> Result<Self> {
        let width = config.block_out_channels[config.block_out_channels.len() - 1];
        let resnet = |i: usize| Resnet::load(width, width, &resnets(config), vb.pp(format!("resnets.{i}")));
        let attention = if config.mid_block_add_attention {
            Some(PixelAttention::load(width, config.norm_num_groups, vb.pp("attentions.0"))?)
        } else {
            None
        };
        Ok(Self { first: resnet(0)?, attention, last: resnet(1)? })
    }

    fn forward(&self, x: Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(x, None)?;
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        self.last.forward(x, None)
    }
}

fn resnets(config: &VaeConfig) -> ResnetConfig {
    ResnetConfig { groups: config.norm_num_groups, eps: EPS, act: config.act_fn, time: None, scale: 1.0 }
}

//! The way from pictures to latents, read when it is first gone: who draws from text alone never does, and it is two
//! fifths of the autoencoder.

use std::sync::OnceLock;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::VaeConfig;
use super::encoder::Encoder;
use crate::nn::{Conv, conv};

pub struct Encoding {
    config: VaeConfig,
    tensors: VarBuilder<'static>,
    read: OnceLock<(Encoder, Option<Conv>)>,
}

impl Encoding {
    pub fn new(config: &VaeConfig, tensors: VarBuilder<'static>) -> Self {
        Self { config: config.clone(), tensors, read: OnceLock::new() }
    }

    /// Pictures → moments of the latents. Fails as well where its tensors are missing or misshapen.
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor> {
        let (encoder, quant) = self.get()?;
        let moments = encoder.forward(pictures)?;
        quant.as_ref().map_or(Ok(moments.clone()), |quant| quant.forward(&moments))
    }

    /// Reads it, where it was not.
    pub fn get(&self) -> Result<&(Encoder, Option<Conv>)> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let read = self.load()?;
        Ok(self.read.get_or_init(|| read))
    }

    fn load(&self) -> Result<(Encoder, Option<Conv>)> {
        let channels = 2 * self.config.latent_channels;
        let quant = match self.config.use_quant_conv {
            true => Some(conv(channels, channels, 1, self.tensors.pp("quant_conv"))?),
            false => None,
        };
        Ok((Encoder::load(&self.config, self.tensors.pp("encoder"))?, quant))
    }
}

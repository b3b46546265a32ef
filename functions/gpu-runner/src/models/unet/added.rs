//! What SDXL's network is told beside the text's tokens (Podell et al. 2023, 2.2): one vector for the whole text, and
//! the sizes that the picture had and is to have.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::UnetConfig;
use super::config::AddedConfig;
use super::time::{Sines, TwoLayers};
use crate::nn::{Activation, Visit};

/// What a picture is to show.
#[derive(Clone, Debug)]
pub struct Conditioning {
    /// One vector per token: (batch, tokens, width).
    pub text: Tensor,
    pub added: Option<Added>,
}

/// Conditioning beside the tokens.
#[derive(Clone, Debug)]
pub struct Added {
    /// One vector per text: (batch, width).
    pub text: Tensor,
    /// Numbers per picture: (batch, count) of f32.
    pub sizes: Tensor,
}

impl Conditioning {
    /// Of texts alone.
    pub fn of(text: Tensor) -> Self {
        Self { text, added: None }
    }

    /// The part for these members of the batch.
    pub fn narrow(&self, start: usize, len: usize) -> Result<Self> {
        let part = |tensor: &Tensor| tensor.narrow(0, start, len);
        let added = match &self.added {
            Some(added) => Some(Added { text: part(&added.text)?, sizes: part(&added.sizes)? }),
            None => None,
        };
        Ok(Self { text: part(&self.text)?, added })
    }
}

pub struct AddedEmbedding {
    sines: Sines,
    layers: TwoLayers,
}

impl AddedEmbedding {
    pub fn load(config: &UnetConfig, added: &AddedConfig, vb: VarBuilder) -> Result<Self> {
        // The reference does not ask the configuration for this activation.
        let layers = TwoLayers::load((added.inputs, config.time_width()), Activation::Silu, vb.pp("add_embedding"))?;
        Ok(Self { sines: Sines::new(added.sines, config, vb)?, layers })
    }

    pub fn layers(&mut self, visit: &mut Visit) -> Result<()> {
        self.layers.layers("add_embedding", visit)
    }

    /// What is added to the time's embedding, (batch, 4 × first width).
    pub fn forward(&self, added: &Added) -> Result<Tensor> {
        let (batch, _) = added.sizes.dims2()?;
        let sizes = self.sines.forward(&added.sizes.flatten_all()?)?.reshape((batch, ()))?;
        self.layers.forward(&Tensor::cat(&[&added.text, &sizes.to_dtype(added.text.dtype())?], 1)?)
    }
}

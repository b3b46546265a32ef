//! CLIP's text encoder (Radford et al. 2021) as Stable Diffusion uses it: token ids in, one vector per token out.

mod config;
mod layer;
mod projection;
mod vision;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};

pub use config::TextConfig;
use layer::Layer;
pub use projection::Projection;
pub use vision::{Vision, VisionConfig};

use crate::nn::{LayerNorm, Visit};

pub struct TextEncoder {
    tokens: Tensor,
    positions: Tensor,
    layers: Vec<Layer>,
    final_norm: LayerNorm,
}

impl TextEncoder {
    pub fn load(config: &TextConfig, vb: VarBuilder) -> Result<Self> {
        // Newer versions of the reference leave the outer name out.
        let inner = vb.pp("text_model");
        let vb = if inner.contains_tensor("final_layer_norm.weight") { inner } else { vb };
        let embedding = Init::Randn { mean: 0.0, stdev: 0.3 };
        let (width, embeddings) = (config.hidden_size, vb.pp("embeddings"));
        let tokens = embeddings.get_with_hints((config.vocab_size, width), "token_embedding.weight", embedding)?;
        let positions = embeddings.get_with_hints(
            (config.max_position_embeddings, width),
            "position_embedding.weight",
            embedding,
        )?;
        let layers = (0..config.num_hidden_layers)
            .map(|i| Layer::load(config, vb.pp(format!("encoder.layers.{i}"))))
            .collect::<Result<_>>()?;
        let final_norm = LayerNorm::load(width, config.layer_norm_eps, vb.pp("final_layer_norm"))?;
        Ok(Self { tokens, positions, layers, final_norm })
    }

    /// By their names inside of `text_model`.
    pub fn layers(&mut self, visit: &mut Visit) -> Result<()> {
        self.layers
            .iter_mut()
            .enumerate()
            .try_for_each(|(i, layer)| layer.layers(&format!("encoder.layers.{i}"), visit))
    }

    /// ids (batch, length) of u32 → (batch, length, width): the last layer after the final norm.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        Ok(self.hidden(ids)?.last)
    }

    /// The same, and what the layer before the last gave.
    pub fn hidden(&self, ids: &Tensor) -> Result<Hidden> {
        self.hidden_of(&self.embed(ids)?)
    }

    /// How many words have a vector.
    pub fn words(&self) -> Result<usize> {
        self.tokens.dim(0)
    }

    /// ids (batch, length) of u32, below the number of words → their vectors (batch, length, width).
    pub fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        let (batch, length) = ids.dims2()?;
        self.tokens.index_select(&ids.flatten_all()?, 0)?.reshape((batch, length, ()))
    }

    /// The same of `batch` rows of ids, where those from the number of words on stand for rows of `learned` (vectors,
    /// width). The ids (batch, length) as well, with some word of the vocabulary in the place of learned ones.
    pub fn embed_beside(&self, ids: &[u32], batch: usize, learned: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let own = self.words()? as u32;
        let device = self.tokens.device();
        // In place of a learned word, any of the vocabulary: its vector is not used.
        let known: Vec<u32> = ids.iter().map(|id| if *id < own { *id } else { 0 }).collect();
        let known = Tensor::from_vec(known, (batch, ids.len() / batch.max(1)), device)?;
        let x = self.embed(&known)?;
        let Some(learned) = learned.filter(|_| ids.iter().any(|id| *id >= own)) else { return Ok((known, x)) };
        let rows: Vec<u32> = ids.iter().map(|id| id.saturating_sub(own)).collect();
        let beside: Vec<u8> = ids.iter().map(|id| u8::from(*id >= own)).collect();
        let rows = learned.to_dtype(x.dtype())?.index_select(&Tensor::new(rows, device)?, 0)?.reshape(x.shape())?;
        let (batch, length, _) = x.dims3()?;
        let beside = Tensor::from_vec(beside, (batch, length, 1), device)?.broadcast_as(x.shape())?;
        Ok((known, beside.where_cond(&rows, &x)?))
    }

    /// `hidden` of words by their vectors.
    pub fn hidden_of(&self, x: &Tensor) -> Result<Hidden> {
        let (_, length, _) = x.dims3()?;
        let mut x = x.broadcast_add(&self.positions.narrow(0, 0, length)?)?;
        let mut penultimate = x.clone();
        let mask = causal_mask(length, x.dtype(), x.device())?;
        for layer in &self.layers {
            penultimate = x;
            x = layer.forward(&penultimate, &mask)?;
        }
        Ok(Hidden { penultimate, last: self.final_norm.forward(&x)? })
    }
}

/// States of the tokens, (batch, length, width).
pub struct Hidden {
    /// Before the last layer, without a norm.
    pub penultimate: Tensor,
    /// After the last layer and the final norm.
    pub last: Tensor,
}

/// (length, length): 0 up to the diagonal, −∞ after it.
fn causal_mask(length: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let values: Vec<f32> =
        (0..length * length).map(|i| if i % length > i / length { f32::NEG_INFINITY } else { 0.0 }).collect();
    Tensor::from_vec(values, (length, length), device)?.to_dtype(dtype)
}

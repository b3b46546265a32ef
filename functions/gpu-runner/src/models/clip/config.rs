//! `text_encoder/config.json`.

use serde::Deserialize;

use crate::DrawError;
use crate::models::config::{COUNT, Config, WIDTH, divides, positive, within};
use crate::nn::Activation;

/// Defaults are those of the reference's `CLIPTextConfig`.
#[derive(Clone, Debug, Deserialize)]
pub struct TextConfig {
    #[serde(default = "d::vocab_size")]
    pub vocab_size: usize,
    #[serde(default = "d::hidden_size")]
    pub hidden_size: usize,
    #[serde(default = "d::intermediate_size")]
    pub intermediate_size: usize,
    #[serde(default = "d::num_hidden_layers")]
    pub num_hidden_layers: usize,
    #[serde(default = "d::num_attention_heads")]
    pub num_attention_heads: usize,
    #[serde(default = "d::max_position_embeddings")]
    pub max_position_embeddings: usize,
    #[serde(default = "d::hidden_act")]
    pub hidden_act: Activation,
    #[serde(default = "d::layer_norm_eps")]
    pub layer_norm_eps: f64,
    /// Width of the vector of the whole text, of encoders that have a projection.
    #[serde(default = "d::projection_dim")]
    pub projection_dim: usize,
    /// The token whose vector stands for the whole text.
    #[serde(default = "d::eos_token_id")]
    pub eos_token_id: u32,
}

impl TextConfig {
    pub fn checked(config: &Config) -> Result<Self, DrawError> {
        config.only("use_attention_mask", false)?;
        let c: Self = config.parse()?;
        within("vocab_size", c.vocab_size, 3..=1 << 24)?;
        within("hidden_size", c.hidden_size, WIDTH)?;
        within("intermediate_size", c.intermediate_size, WIDTH)?;
        within("num_hidden_layers", c.num_hidden_layers, COUNT)?;
        within("num_attention_heads", c.num_attention_heads, COUNT)?;
        within("max_position_embeddings", c.max_position_embeddings, 3..=4_096)?;
        divides(("num_attention_heads", c.num_attention_heads), ("hidden_size", c.hidden_size))?;
        within("projection_dim", c.projection_dim, WIDTH)?;
        positive("layer_norm_eps", c.layer_norm_eps)?;
        Ok(c)
    }
}

mod d {
    use crate::nn::Activation;

    pub fn vocab_size() -> usize {
        49_408
    }
    pub fn hidden_size() -> usize {
        512
    }
    pub fn intermediate_size() -> usize {
        2_048
    }
    pub fn num_hidden_layers() -> usize {
        12
    }
    pub fn num_attention_heads() -> usize {
        8
    }
    pub fn max_position_embeddings() -> usize {
        77
    }
    pub fn hidden_act() -> Activation {
        Activation::QuickGelu
    }
    pub fn layer_norm_eps() -> f64 {
        1e-5
    }
    pub fn projection_dim() -> usize {
        512
    }
    pub fn eos_token_id() -> u32 {
        49_407
    }
}

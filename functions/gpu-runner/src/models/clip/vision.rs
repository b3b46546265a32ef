//! CLIP's image encoder (Radford et al. 2021, after Dosovitskiy et al. 2020): a picture in squares, with one more
//! vector in front that comes to stand for the whole. The layers are those of the text encoder, and nothing is masked.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear_no_bias};
use serde::Deserialize;

use super::TextConfig;
use super::layer::Layer;
use crate::DrawError;
use crate::models::config::{COUNT, Config, WIDTH, divides, positive, within};
use crate::nn::{Activation, LayerNorm};

/// Of `image_encoder/config.json`; defaults are those of the reference's `CLIPVisionConfig`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub projection_dim: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    /// Pixels along each side.
    pub image_size: usize,
    pub patch_size: usize,
    pub hidden_act: Activation,
    pub layer_norm_eps: f64,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            projection_dim: 512,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 224,
            patch_size: 32,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

impl VisionConfig {
    pub fn checked(config: &Config) -> std::result::Result<Self, DrawError> {
        config.only("num_channels", 3)?;
        let c: Self = config.parse()?;
        within("hidden_size", c.hidden_size, WIDTH)?;
        within("intermediate_size", c.intermediate_size, WIDTH)?;
        within("projection_dim", c.projection_dim, WIDTH)?;
        within("num_hidden_layers", c.num_hidden_layers, COUNT)?;
        within("num_attention_heads", c.num_attention_heads, COUNT)?;
        within("image_size", c.image_size, 1..=1024)?;
        within("patch_size", c.patch_size, 1..=c.image_size)?;
        divides(("num_attention_heads", c.num_attention_heads), ("hidden_size", c.hidden_size))?;
        divides(("patch_size", c.patch_size), ("image_size", c.image_size))?;
        positive("layer_norm_eps", c.layer_norm_eps)?;
        Ok(c)
    }

    fn layers(&self) -> TextConfig {
        TextConfig {
            vocab_size: 0,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            max_position_embeddings: 0,
            hidden_act: self.hidden_act,
            layer_norm_eps: self.layer_norm_eps,
            projection_dim: self.projection_dim,
            eos_token_id: 0,
        }
    }
}

pub struct Vision {
    class: Tensor,
    /// (3 × patch × patch, width)
    patches: Tensor,
    positions: Tensor,
    norm_before: LayerNorm,
    layers: Vec<Layer>,
    norm_after: LayerNorm,
    projection: Linear,
    config: VisionConfig,
}

impl Vision {
    /// From the builder of the whole: the projection stands beside the network.
    pub fn load(config: &VisionConfig, vb: VarBuilder) -> Result<Self> {
        Self::load_parts(config, vb.pp("vision_model"), vb)
    }

    pub fn load_parts(config: &VisionConfig, inner: VarBuilder, outer: VarBuilder) -> Result<Self> {
        let (width, patch, eps) = (config.hidden_size, config.patch_size, config.layer_norm_eps);
        let embeddings = inner.pp("embeddings");
        let count = (config.image_size / patch).pow(2);
        let patches = embeddings.get((width, 3, patch, patch), "patch_embedding.weight")?;
        let shared = config.layers();
        Ok(Self {
            class: embeddings.get(width, "class_embedding")?.reshape((1, 1, width))?,
            patches: patches.reshape((width, 3 * patch * patch))?.t()?.contiguous()?,
            positions: embeddings.get((count + 1, width), "position_embedding.weight")?,
            norm_before: LayerNorm::load(width, eps, inner.pp("pre_layrnorm"))?,
            layers: (0..config.num_hidden_layers)
                .map(|i| Layer::load(&shared, inner.pp(format!("encoder.layers.{i}"))))
                .collect::<Result<_>>()?,
            norm_after: LayerNorm::load(width, eps, inner.pp("post_layernorm"))?,
            projection: linear_no_bias(width, config.projection_dim, outer.pp("visual_projection"))?,
            config: config.clone(),
        })
    }

    /// Pictures (batch, 3, side, side) → (batch, projected width), of any length.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let (batch, colours, height, width) = pixels.dims4()?;
        let patch = self.config.patch_size;
        let (down, across) = (height / patch, width / patch);
        let squares = pixels
            .reshape(&[batch, colours, down, patch, across, patch][..])?
            .permute(vec![0, 2, 4, 1, 3, 5])?
            .contiguous()?
            .reshape((batch * down * across, colours * patch * patch))?;
        let squares = squares.matmul(&self.patches)?.reshape((batch, down * across, self.config.hidden_size))?;
        let class = self.class.broadcast_as((batch, 1, self.config.hidden_size))?;
        let x = Tensor::cat(&[&class.contiguous()?, &squares], 1)?.broadcast_add(&self.positions)?;
        let mut x = self.norm_before.forward(&x)?;
        let length = down * across + 1;
        let nothing = Tensor::zeros((length, length), x.dtype(), x.device())?;
        for layer in &self.layers {
            x = layer.forward(&x, &nothing)?;
        }
        let whole = self.norm_after.forward(&x.narrow(1, 0, 1)?.contiguous()?)?.squeeze(1)?;
        self.projection.forward(&whole)
    }
}

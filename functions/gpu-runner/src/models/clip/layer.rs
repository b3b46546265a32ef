//! One transformer layer of the text encoder: norm before attention, norm before the feed-forward part.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::TextConfig;
use crate::nn::{Activation, LayerNorm, Linear, Visit, attention, join_heads, linear, split_heads};

pub struct Layer {
    norm1: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
    act: Activation,
}

impl Layer {
    pub fn load(config: &TextConfig, vb: VarBuilder) -> Result<Self> {
        let (width, eps) = (config.hidden_size, config.layer_norm_eps);
        let project = |name: &str| linear(width, width, vb.pp("self_attn").pp(name));
        Ok(Self {
            norm1: LayerNorm::load(width, eps, vb.pp("layer_norm1"))?,
            query: project("q_proj")?,
            key: project("k_proj")?,
            value: project("v_proj")?,
            out: project("out_proj")?,
            norm2: LayerNorm::load(width, eps, vb.pp("layer_norm2"))?,
            fc1: linear(width, config.intermediate_size, vb.pp("mlp.fc1"))?,
            fc2: linear(config.intermediate_size, width, vb.pp("mlp.fc2"))?,
            heads: config.num_attention_heads,
            act: config.hidden_act,
        })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        visit(&format!("{at}.self_attn.q_proj"), &mut self.query)?;
        visit(&format!("{at}.self_attn.k_proj"), &mut self.key)?;
        visit(&format!("{at}.self_attn.v_proj"), &mut self.value)?;
        visit(&format!("{at}.self_attn.out_proj"), &mut self.out)?;
        visit(&format!("{at}.mlp.fc1"), &mut self.fc1)?;
        visit(&format!("{at}.mlp.fc2"), &mut self.fc2)
    }

    /// x (batch, length, width), mask (length, length) → (batch, length, width).
    pub fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let h = self.norm1.forward(x)?;
        let heads = |layer: &Linear| split_heads(&layer.forward(&h)?, self.heads);
        let h = attention(&heads(&self.query)?, &heads(&self.key)?, &heads(&self.value)?, Some(mask))?;
        let x = (x + self.out.forward(&join_heads(&h)?)?)?;
        let h = self.act.apply(&self.fc1.forward(&self.norm2.forward(&x)?)?)?;
        x + self.fc2.forward(&h)?
    }
}

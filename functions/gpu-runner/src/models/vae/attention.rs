//! Attention of all pixels to all, with one head.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::EPS;
use crate::nn::{GroupNorm, Linear, attend, linear};

pub struct PixelAttention {
    norm: GroupNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
}

impl PixelAttention {
    pub fn load(width: usize, groups: usize, vb: VarBuilder) -> Result<Self> {
        // Files from before 2023 use the older names, SD 1.5's own among them.
        let names = if vb.contains_tensor("query.weight") {
            ["query", "key", "value", "proj_attn"]
        } else {
            ["to_q", "to_k", "to_v", "to_out.0"]
        };
        let [query, key, value, out] = names.map(|name| linear(width, width, vb.pp(name)));
        let norm = GroupNorm::load(groups, width, EPS, vb.pp("group_norm"))?;
        Ok(Self { norm, query: query?, key: key?, value: value?, out: out? })
    }

    /// (batch, channels, h, w) → the same.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, channels, h, w) = x.dims4()?;
        let pixels = self.norm.forward(x)?.reshape((batch, channels, h * w))?.transpose(1, 2)?.contiguous()?;
        let seen =
            attend(&self.query.forward(&pixels)?, &self.key.forward(&pixels)?, &self.value.forward(&pixels)?, 1)?;
        let out = self.out.forward(&seen)?;
        out.transpose(1, 2)?.reshape((batch, channels, h, w))? + x
    }
}

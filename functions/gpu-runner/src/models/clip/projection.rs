//! One vector for a whole text: the state of its last token, through a linear layer (Radford et al. 2021).

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::TextConfig;
use crate::nn::{Linear, Visit, linear_no_bias};

/// Files of that age say 2 whatever the vocabulary is; the token meant is the one with the largest id.
const UNKNOWN_END: u32 = 2;

pub struct Projection {
    linear: Linear,
    end: u32,
}

impl Projection {
    /// From the builder of the whole encoder: the layer stands beside the text model.
    pub fn load(config: &TextConfig, vb: VarBuilder) -> Result<Self> {
        let linear = linear_no_bias(config.hidden_size, config.projection_dim, vb.pp("text_projection"))?;
        Ok(Self { linear, end: config.eos_token_id })
    }

    pub fn layers(&mut self, visit: &mut Visit) -> Result<()> {
        visit("text_projection", &mut self.linear)
    }

    /// ids (batch, length) of u32, the last layer after the final norm (batch, length, width) → (batch, projected
    /// width).
    pub fn forward(&self, ids: &Tensor, last: &Tensor) -> Result<Tensor> {
        let rows = ids.to_vec2::<u32>()?;
        let states = rows
            .iter()
            .enumerate()
            .map(|(i, ids)| last.get(i)?.narrow(0, self.position(ids), 1))
            .collect::<Result<Vec<_>>>()?;
        self.linear.forward(&Tensor::cat(&states, 0)?)
    }

    /// Of the first end; of the first token where there is none.
    fn position(&self, ids: &[u32]) -> usize {
        let end = if self.end == UNKNOWN_END { ids.iter().copied().max().unwrap_or(0) } else { self.end };
        ids.iter().position(|id| *id == end).unwrap_or(0)
    }
}

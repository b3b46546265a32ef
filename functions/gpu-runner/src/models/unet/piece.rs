//! Pieces of the UNet that keep what goes into them, and compute the rest again when gradients are asked for.

use candle_core::{Result, Tensor};

use super::Sight;
use crate::nn::recomputed;

/// What all pieces of one forward pass are given.
pub struct Pass<'a, 'b> {
    /// (batch, 4 × first width).
    pub time: &'a Tensor,
    /// (batch, tokens, width).
    pub text: &'a Tensor,
    pub sight: &'a mut Sight<'b>,
    /// Whether pieces compute again what the gradients need.
    pub recompute: bool,
}

pub trait Piece: Clone + Send + Sync + 'static {
    /// x (batch, channels, h, w) and behind its channels those of `skip` → (batch, other channels, h, w).
    fn run(&self, x: Tensor, skip: Option<Tensor>, pass: &mut Pass) -> Result<Tensor>;

    fn forward(&self, x: Tensor, skip: Option<Tensor>, pass: &mut Pass) -> Result<Tensor> {
        // Features are noted once: pictures that are seen by others, or see them, are drawn and not learnt from.
        if !pass.recompute || !matches!(pass.sight, Sight::Alone) {
            return self.run(x, skip, pass);
        }
        // Shares its weights.
        let piece = self.clone();
        let inputs: Vec<&Tensor> = [&x, pass.time, pass.text].into_iter().chain(&skip).collect();
        recomputed(&inputs, move |inputs| {
            let [x, time, text, skip @ ..] = inputs else { candle_core::bail!("a piece without its inputs") };
            let mut pass = Pass { time, text, sight: &mut Sight::Alone, recompute: false };
            piece.run(x.clone(), skip.first().cloned(), &mut pass)
        })
    }
}

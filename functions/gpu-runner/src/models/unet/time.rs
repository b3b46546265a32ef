//! How the network learns the time: sines of many wavelengths, then two linear layers.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, linear};

use super::UnetConfig;
use crate::nn::Activation;

pub struct TimeEmbedding {
    frequencies: Tensor,
    flip: bool,
    linear1: Linear,
    linear2: Linear,
    act: Activation,
}

impl TimeEmbedding {
    pub fn load(config: &UnetConfig, vb: VarBuilder) -> Result<Self> {
        let (width, hidden) = (config.down[0].channels, config.time_width());
        let half = width / 2;
        let rate = -(10_000f64.ln()) / (half as f64 - config.freq_shift);
        let frequencies: Vec<f32> = (0..half).map(|i| (rate * i as f64).exp() as f32).collect();
        let vb_time = vb.pp("time_embedding");
        Ok(Self {
            frequencies: Tensor::from_vec(frequencies, (1, half), vb.device())?,
            flip: config.flip_sin_to_cos,
            linear1: linear(width, hidden, vb_time.pp("linear_1"))?,
            linear2: linear(hidden, hidden, vb_time.pp("linear_2"))?,
            act: config.act,
        })
    }

    /// timesteps (batch) of f32, fractions allowed → (batch, 4 × first width).
    pub fn forward(&self, timesteps: &Tensor) -> Result<Tensor> {
        let angles = timesteps.unsqueeze(1)?.broadcast_mul(&self.frequencies)?;
        let (sin, cos) = (angles.sin()?, angles.cos()?);
        let waves = if self.flip { Tensor::cat(&[cos, sin], 1)? } else { Tensor::cat(&[sin, cos], 1)? };
        let waves = waves.to_dtype(self.linear1.weight().dtype())?;
        self.linear2.forward(&self.act.apply(&self.linear1.forward(&waves)?)?)
    }
}

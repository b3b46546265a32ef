//! Numbers as a network sees them: sines of many wavelengths, then two linear layers.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::UnetConfig;
use crate::nn::{Activation, Linear, Visit, linear};

/// The time.
pub struct TimeEmbedding {
    sines: Sines,
    layers: TwoLayers,
}

impl TimeEmbedding {
    pub fn load(config: &UnetConfig, vb: VarBuilder) -> Result<Self> {
        let width = config.down[0].channels;
        let layers = TwoLayers::load((width, config.time_width()), config.act, vb.pp("time_embedding"))?;
        Ok(Self { sines: Sines::new(width, config, vb)?, layers })
    }

    pub fn layers(&mut self, visit: &mut Visit) -> Result<()> {
        self.layers.layers("time_embedding", visit)
    }

    /// timesteps (batch) of f32, fractions allowed → (batch, 4 × first width).
    pub fn forward(&self, timesteps: &Tensor) -> Result<Tensor> {
        self.layers.forward(&self.sines.forward(timesteps)?)
    }
}

pub struct Sines {
    frequencies: Tensor,
    flip: bool,
}

impl Sines {
    /// `width` is even.
    pub fn new(width: usize, config: &UnetConfig, vb: VarBuilder) -> Result<Self> {
        let half = width / 2;
        let rate = -(10_000f64.ln()) / (half as f64 - config.freq_shift);
        let frequencies: Vec<f32> = (0..half).map(|i| (rate * i as f64).exp() as f32).collect();
        Ok(Self { frequencies: Tensor::from_vec(frequencies, (1, half), vb.device())?, flip: config.flip_sin_to_cos })
    }

    /// numbers (count) of f32 → (count, width).
    pub fn forward(&self, numbers: &Tensor) -> Result<Tensor> {
        let angles = numbers.unsqueeze(1)?.broadcast_mul(&self.frequencies)?;
        let (sin, cos) = (angles.sin()?, angles.cos()?);
        if self.flip { Tensor::cat(&[cos, sin], 1) } else { Tensor::cat(&[sin, cos], 1) }
    }
}

pub struct TwoLayers {
    linear1: Linear,
    linear2: Linear,
    act: Activation,
}

impl TwoLayers {
    pub fn load((inputs, outputs): (usize, usize), act: Activation, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            linear1: linear(inputs, outputs, vb.pp("linear_1"))?,
            linear2: linear(outputs, outputs, vb.pp("linear_2"))?,
            act,
        })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        visit(&format!("{at}.linear_1"), &mut self.linear1)?;
        visit(&format!("{at}.linear_2"), &mut self.linear2)
    }

    /// (batch, inputs) → (batch, outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.to_dtype(self.linear1.dtype())?;
        self.linear2.forward(&self.act.apply(&self.linear1.forward(&x)?)?)
    }
}

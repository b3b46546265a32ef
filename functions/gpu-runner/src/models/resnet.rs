//! The residual block: norm, activation, convolution, twice, with the time embedding added in between.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Conv2d, Linear, VarBuilder, linear};

use crate::nn::{Activation, GroupNorm, conv};

pub struct Resnet {
    norm1: GroupNorm,
    conv1: Conv2d,
    time: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
    act: Activation,
    scale: f64,
}

pub struct ResnetConfig {
    pub groups: usize,
    pub eps: f64,
    pub act: Activation,
    /// Width of the time embedding; none in the autoencoder.
    pub time: Option<usize>,
    /// What the sum is divided by.
    pub scale: f64,
}

impl Resnet {
    pub fn load(inputs: usize, outputs: usize, config: &ResnetConfig, vb: VarBuilder) -> Result<Self> {
        let time = config.time.map(|width| linear(width, outputs, vb.pp("time_emb_proj"))).transpose()?;
        let shortcut = if inputs == outputs { None } else { Some(conv(inputs, outputs, 1, vb.pp("conv_shortcut"))?) };
        Ok(Self {
            norm1: GroupNorm::load(config.groups, inputs, config.eps, vb.pp("norm1"))?,
            conv1: conv(inputs, outputs, 3, vb.pp("conv1"))?,
            time,
            norm2: GroupNorm::load(config.groups, outputs, config.eps, vb.pp("norm2"))?,
            conv2: conv(outputs, outputs, 3, vb.pp("conv2"))?,
            shortcut,
            act: config.act,
            scale: config.scale,
        })
    }

    /// x (batch, inputs, h, w), time (batch, width) → (batch, outputs, h, w).
    pub fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let mut h = self.conv1.forward(&self.act.apply(&self.norm1.forward(x)?)?)?;
        if let (Some(project), Some(time)) = (&self.time, time) {
            let time = project.forward(&self.act.apply(time)?)?;
            h = h.broadcast_add(&time.unsqueeze(2)?.unsqueeze(3)?)?;
        }
        let h = self.conv2.forward(&self.act.apply(&self.norm2.forward(&h)?)?)?;
        let sum = match &self.shortcut {
            Some(shortcut) => (shortcut.forward(x)? + h)?,
            None => (x + h)?,
        };
        if self.scale == 1.0 { Ok(sum) } else { sum / self.scale }
    }
}

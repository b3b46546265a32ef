//! The residual block: norm, activation, convolution, twice, with the time embedding added in between.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::nn::{Activation, Around, Conv, GroupNorm, Linear, Visit, conv, linear};

#[derive(Clone)]
pub struct Resnet {
    norm1: GroupNorm,
    conv1: Conv,
    time: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv,
    shortcut: Option<Conv>,
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

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        visit(&format!("{at}.conv1"), &mut self.conv1)?;
        visit(&format!("{at}.conv2"), &mut self.conv2)?;
        self.time.iter_mut().try_for_each(|time| visit(&format!("{at}.time_emb_proj"), time))?;
        self.shortcut.iter_mut().try_for_each(|shortcut| visit(&format!("{at}.conv_shortcut"), shortcut))
    }

    /// x (batch, inputs, h, w), time (batch, width) → (batch, outputs, h, w). Takes x, which is let go of as soon as it
    /// can be: it may be the largest picture there is.
    pub fn forward(&self, x: Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let shift = match (&self.time, time) {
            (Some(project), Some(time)) => Some(project.forward(&self.act.apply(time)?)?),
            _ => None,
        };
        let around = Around { norm: Some((&self.norm1, self.act)), shift: shift.as_ref(), residual: None };
        let h = self.conv1.forward_with(&x, around)?;
        let x = match &self.shortcut {
            Some(shortcut) => {
                let through = shortcut.forward(&x)?;
                drop(x);
                through
            }
            None => x,
        };
        let around = Around { norm: Some((&self.norm2, self.act)), shift: None, residual: Some(&x) };
        let sum = self.conv2.forward_with(&h, around)?;
        if self.scale == 1.0 { Ok(sum) } else { sum / self.scale }
    }
}

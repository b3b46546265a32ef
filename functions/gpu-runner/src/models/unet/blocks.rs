//! The levels of the UNet on the way down, in the middle and on the way up.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::piece::{Pass, Piece};
use super::transformer::Transformer;
use super::{Hypernetworks, Level, UnetConfig};
use crate::models::resample::{Downsample, Upsample};
use crate::models::resnet::{Resnet, ResnetConfig};
use crate::nn::Visit;

pub struct Down {
    layers: Vec<Layer>,
    downsample: Option<Downsample>,
}

impl Down {
    pub fn load(config: &UnetConfig, index: usize, vb: VarBuilder) -> Result<Self> {
        let level = &config.down[index];
        let before = if index == 0 { level.channels } else { config.down[index - 1].channels };
        let layers = (0..level.layers)
            .map(|i| Layer::load(config, level, if i == 0 { before } else { level.channels }, level.attends, i, &vb))
            .collect::<Result<_>>()?;
        let downsample = if index + 1 == config.down.len() {
            None
        } else {
            Some(Downsample::load(level.channels, config.downsample_padding, vb.pp("downsamplers.0"))?)
        };
        Ok(Self { layers, downsample })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        let mut layers = self.layers.iter_mut().enumerate();
        layers.try_for_each(|(i, layer)| layer.layers(at, i, visit))?;
        self.downsample.iter_mut().try_for_each(|downsample| downsample.layers(&format!("{at}.downsamplers.0"), visit))
    }

    pub fn bend(&mut self, hypernetworks: &Hypernetworks) {
        self.layers.iter_mut().for_each(|layer| layer.bend(hypernetworks));
    }

    /// Pushes every result on `skips`, for the way up.
    pub fn forward(&self, mut x: Tensor, pass: &mut Pass, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        for layer in &self.layers {
            x = layer.forward(x, None, pass)?;
            skips.push(x.clone());
        }
        if let Some(downsample) = &self.downsample {
            x = downsample.forward(&x)?;
            skips.push(x.clone());
        }
        Ok(x)
    }
}

#[derive(Clone)]
pub struct Middle {
    first: Resnet,
    transformer: Transformer,
    last: Resnet,
}

impl Middle {
    pub fn load(config: &UnetConfig, vb: VarBuilder) -> Result<Self> {
        let level = &config.down[config.down.len() - 1];
        let resnet = ResnetConfig { scale: config.mid_scale, ..resnets(config) };
        let width = level.channels;
        Ok(Self {
            first: Resnet::load(width, width, &resnet, vb.pp("resnets.0"))?,
            transformer: Transformer::load(config, level, vb.pp("attentions.0"))?,
            last: Resnet::load(width, width, &resnet, vb.pp("resnets.1"))?,
        })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        self.first.layers(&format!("{at}.resnets.0"), visit)?;
        self.transformer.layers(&format!("{at}.attentions.0"), visit)?;
        self.last.layers(&format!("{at}.resnets.1"), visit)
    }

    pub fn bend(&mut self, hypernetworks: &Hypernetworks) {
        self.transformer.bend(hypernetworks);
    }
}

impl Piece for Middle {
    fn run(&self, x: Tensor, _: Option<Tensor>, pass: &mut Pass) -> Result<Tensor> {
        let x = self.first.forward(x, Some(pass.time))?;
        self.last.forward(self.transformer.forward(&x, pass.text, pass.sight)?, Some(pass.time))
    }
}

pub struct Up {
    layers: Vec<Layer>,
    upsample: Option<Upsample>,
}

impl Up {
    /// `index` counts from the smallest picture.
    pub fn load(config: &UnetConfig, index: usize, vb: VarBuilder) -> Result<Self> {
        let levels = config.down.len();
        // The level of the same size on the way down, and the neighbours that its inputs come from.
        let here = levels - 1 - index;
        let level = &config.down[here];
        let below = config.down[(here + 1).min(levels - 1)].channels;
        let above = config.down[here.saturating_sub(1)].channels;
        let count = level.layers + 1;
        let layers = (0..count)
            .map(|i| {
                let skip = if i + 1 == count { above } else { level.channels };
                let carried = if i == 0 { below } else { level.channels };
                Layer::load(config, level, carried + skip, config.up_attends[index], i, &vb)
            })
            .collect::<Result<_>>()?;
        let upsample = if here == 0 { None } else { Some(Upsample::load(level.channels, vb.pp("upsamplers.0"))?) };
        Ok(Self { layers, upsample })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        let mut layers = self.layers.iter_mut().enumerate();
        layers.try_for_each(|(i, layer)| layer.layers(at, i, visit))?;
        self.upsample.iter_mut().try_for_each(|upsample| upsample.layers(&format!("{at}.upsamplers.0"), visit))
    }

    pub fn bend(&mut self, hypernetworks: &Hypernetworks) {
        self.layers.iter_mut().for_each(|layer| layer.bend(hypernetworks));
    }

    /// Takes its share of `skips` from the end; grows to the size of what is left there.
    pub fn forward(&self, mut x: Tensor, pass: &mut Pass, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        for layer in &self.layers {
            let Some(skip) = skips.pop() else { candle_core::bail!("the way up is longer than the way down") };
            x = layer.forward(x, Some(skip), pass)?;
        }
        match (&self.upsample, skips.last()) {
            (Some(upsample), Some(next)) => upsample.forward(&x, (next.dim(2)?, next.dim(3)?)),
            _ => Ok(x),
        }
    }
}

#[derive(Clone)]
struct Layer {
    resnet: Resnet,
    transformer: Option<Transformer>,
}

impl Layer {
    fn load(
        config: &UnetConfig,
        level: &Level,
        inputs: usize,
        attends: bool,
        i: usize,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let resnet = Resnet::load(inputs, level.channels, &resnets(config), vb.pp(format!("resnets.{i}")))?;
        let attention = vb.pp(format!("attentions.{i}"));
        let transformer = if attends { Some(Transformer::load(config, level, attention)?) } else { None };
        Ok(Self { resnet, transformer })
    }

    fn layers(&mut self, at: &str, i: usize, visit: &mut Visit) -> Result<()> {
        self.resnet.layers(&format!("{at}.resnets.{i}"), visit)?;
        let mut transformer = self.transformer.iter_mut();
        transformer.try_for_each(|transformer| transformer.layers(&format!("{at}.attentions.{i}"), visit))
    }

    fn bend(&mut self, hypernetworks: &Hypernetworks) {
        self.transformer.iter_mut().for_each(|transformer| transformer.bend(hypernetworks));
    }
}

impl Piece for Layer {
    fn run(&self, mut x: Tensor, skip: Option<Tensor>, pass: &mut Pass) -> Result<Tensor> {
        if let Some(skip) = skip {
            x = Tensor::cat(&[x, skip], 1)?;
        }
        let x = self.resnet.forward(x, Some(pass.time))?;
        match &self.transformer {
            Some(transformer) => transformer.forward(&x, pass.text, pass.sight),
            None => Ok(x),
        }
    }
}

fn resnets(config: &UnetConfig) -> ResnetConfig {
    let time = Some(config.time_width());
    ResnetConfig { groups: config.groups, eps: config.eps, act: config.act, time, scale: 1.0 }
}

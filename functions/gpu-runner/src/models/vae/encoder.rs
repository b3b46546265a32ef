//! Pixels → moments of the latents.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{EPS, Middle, VaeConfig, resnets};
use crate::models::resample::Downsample;
use crate::models::resnet::Resnet;
use crate::nn::{Activation, Around, Conv, GroupNorm, conv};

pub struct Encoder {
    conv_in: Conv,
    levels: Vec<(Vec<Resnet>, Option<Downsample>)>,
    middle: Middle,
    norm_out: GroupNorm,
    act: Activation,
    conv_out: Conv,
}

impl Encoder {
    pub fn load(config: &VaeConfig, vb: VarBuilder) -> Result<Self> {
        let widths = &config.block_out_channels;
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let mut levels = Vec::with_capacity(widths.len());
        let mut width = first;
        for (i, &next) in widths.iter().enumerate() {
            let vb = vb.pp(format!("down_blocks.{i}"));
            let resnets = (0..config.layers_per_block)
                .map(|j| {
                    let inputs = if j == 0 { width } else { next };
                    Resnet::load(inputs, next, &resnets(config), vb.pp(format!("resnets.{j}")))
                })
                .collect::<Result<_>>()?;
            let downsample =
                if i + 1 == widths.len() { None } else { Some(Downsample::load(next, 0, vb.pp("downsamplers.0"))?) };
            levels.push((resnets, downsample));
            width = next;
        }
        Ok(Self {
            conv_in: conv(config.in_channels, first, 3, vb.pp("conv_in"))?,
            levels,
            middle: Middle::load(config, vb.pp("mid_block"))?,
            norm_out: GroupNorm::load(config.norm_num_groups, last, EPS, vb.pp("conv_norm_out"))?,
            act: config.act_fn,
            conv_out: conv(last, 2 * config.latent_channels, 3, vb.pp("conv_out"))?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.conv_in.forward(x)?;
        for (resnets, downsample) in &self.levels {
            for resnet in resnets {
                x = resnet.forward(x, None)?;
            }
            if let Some(downsample) = downsample {
                x = downsample.forward(&x)?;
            }
        }
        let x = self.middle.forward(x)?;
        self.conv_out.forward_with(&x, Around { norm: Some((&self.norm_out, self.act)), ..Default::default() })
    }
}

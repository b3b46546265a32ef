//! Latents → pixels.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{EPS, Middle, VaeConfig, resnets};
use crate::models::resample::Upsample;
use crate::models::resnet::Resnet;
use crate::nn::{Activation, Around, Conv, GroupNorm, conv};

pub struct Decoder {
    conv_in: Conv,
    middle: Middle,
    levels: Vec<(Vec<Resnet>, Option<Upsample>)>,
    norm_out: GroupNorm,
    act: Activation,
    conv_out: Conv,
}

impl Decoder {
    pub fn load(config: &VaeConfig, vb: VarBuilder) -> Result<Self> {
        let widths = &config.block_out_channels;
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let mut levels = Vec::with_capacity(widths.len());
        let mut width = last;
        for (i, &next) in widths.iter().rev().enumerate() {
            let vb = vb.pp(format!("up_blocks.{i}"));
            let resnets = (0..config.layers_per_block + 1)
                .map(|j| {
                    let inputs = if j == 0 { width } else { next };
                    Resnet::load(inputs, next, &resnets(config), vb.pp(format!("resnets.{j}")))
                })
                .collect::<Result<_>>()?;
            let upsample =
                if i + 1 == widths.len() { None } else { Some(Upsample::load(next, vb.pp("upsamplers.0"))?) };
            levels.push((resnets, upsample));
            width = next;
        }
        Ok(Self {
            conv_in: conv(config.latent_channels, last, 3, vb.pp("conv_in"))?,
            middle: Middle::load(config, vb.pp("mid_block"))?,
            levels,
            norm_out: GroupNorm::load(config.norm_num_groups, first, EPS, vb.pp("conv_norm_out"))?,
            act: config.act_fn,
            conv_out: conv(first, config.out_channels, 3, vb.pp("conv_out"))?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.middle.forward(self.conv_in.forward(x)?)?;
        for (resnets, upsample) in &self.levels {
            for resnet in resnets {
                x = resnet.forward(x, None)?;
            }
            if let Some(upsample) = upsample {
                x = upsample.forward(&x, (2 * x.dim(2)?, 2 * x.dim(3)?))?;
            }
        }
        self.conv_out.forward_with(&x, Around { norm: Some((&self.norm_out, self.act)), ..Default::default() })
    }
}

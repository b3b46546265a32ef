//! The denoiser: a UNet conditioned on time and text (Rombach et al. 2022), the reference's `UNet2DConditionModel`.

mod added;
mod blocks;
mod config;
mod hyper;
mod piece;
mod sight;
mod time;
mod transformer;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;

use added::AddedEmbedding;
pub use added::{Added, Conditioning};
use blocks::{Down, Middle, Up};
pub use config::{AddedConfig, Level, UnetConfig};
pub use hyper::{Bend, Hypernetwork, Hypernetworks, Step};
use piece::{Pass, Piece as _};
pub use sight::{Features, Sight};
use time::TimeEmbedding;

use crate::nn::{Activation, Around, Conv, GroupNorm, Visit, conv, within_pool};

pub struct Unet {
    recompute: bool,
    dtype: DType,
    center: bool,
    time: TimeEmbedding,
    added: Option<AddedEmbedding>,
    conv_in: Conv,
    down: Vec<Down>,
    middle: Middle,
    up: Vec<Up>,
    norm_out: GroupNorm,
    act: Activation,
    conv_out: Conv,
}

impl Unet {
    pub fn load(config: &UnetConfig, vb: VarBuilder) -> Result<Self> {
        let first = config.down[0].channels;
        let levels = 0..config.down.len();
        Ok(Self {
            recompute: false,
            dtype: vb.dtype(),
            center: config.center_input_sample,
            time: TimeEmbedding::load(config, vb.clone())?,
            added: match &config.added {
                Some(added) => Some(AddedEmbedding::load(config, added, vb.clone())?),
                None => None,
            },
            conv_in: conv(config.in_channels, first, 3, vb.pp("conv_in"))?,
            down: levels
                .clone()
                .map(|i| Down::load(config, i, vb.pp(format!("down_blocks.{i}"))))
                .collect::<Result<_>>()?,
            middle: Middle::load(config, vb.pp("mid_block"))?,
            up: levels.map(|i| Up::load(config, i, vb.pp(format!("up_blocks.{i}")))).collect::<Result<_>>()?,
            norm_out: GroupNorm::load(config.groups, first, config.eps, vb.pp("conv_norm_out"))?,
            act: config.act,
            conv_out: conv(first, config.out_channels, 3, vb.pp("conv_out"))?,
        })
    }

    pub fn layers(&mut self, visit: &mut Visit) -> Result<()> {
        self.time.layers(visit)?;
        self.added.iter_mut().try_for_each(|added| added.layers(visit))?;
        visit("conv_in", &mut self.conv_in)?;
        for (i, level) in self.down.iter_mut().enumerate() {
            level.layers(&format!("down_blocks.{i}"), visit)?;
        }
        self.middle.layers("mid_block", visit)?;
        for (i, level) in self.up.iter_mut().enumerate() {
            level.layers(&format!("up_blocks.{i}"), visit)?;
        }
        visit("conv_out", &mut self.conv_out)
    }

    /// Whether from now on a forward pass keeps little of what its gradients need, and computes the rest again for
    /// them: a third more time for a training, for a fraction of the memory.
    pub fn recompute(&mut self, recompute: bool) {
        self.recompute = recompute;
    }

    /// What bends keys and values from now on.
    pub fn bend(&mut self, hypernetworks: &Hypernetworks) {
        self.down.iter_mut().for_each(|level| level.bend(hypernetworks));
        self.middle.bend(hypernetworks);
        self.up.iter_mut().for_each(|level| level.bend(hypernetworks));
    }

    /// x (batch, channels, h, w) of any h and w, timesteps (batch) of f32, text (batch, tokens, width) → like x.
    pub fn forward(&self, x: &Tensor, timesteps: &Tensor, text: &Tensor) -> Result<Tensor> {
        self.forward_with(x, timesteps, &Conditioning::of(text.clone()), Sight::Alone)
    }

    /// The same with more than a text, and with an eye for references, or as one of them. In between is the network's
    /// own precision, whatever that of x is.
    pub fn forward_with(
        &self,
        x: &Tensor,
        timesteps: &Tensor,
        given: &Conditioning,
        mut sight: Sight,
    ) -> Result<Tensor> {
        within_pool(x.device(), || self.run(x, timesteps, given, &mut sight))
    }

    fn run(
        &self,
        x: &Tensor,
        timesteps: &Tensor,
        Conditioning { text, added }: &Conditioning,
        sight: &mut Sight,
    ) -> Result<Tensor> {
        let mut time = self.time.forward(timesteps)?;
        match (&self.added, added) {
            (Some(embedding), Some(added)) => time = (time + embedding.forward(added)?)?,
            (None, None) => {}
            _ => candle_core::bail!("conditioning for another kind of network"),
        }
        let given = if self.center { x.affine(2.0, -1.0)? } else { x.clone() };
        let (given, text) = (given.to_dtype(self.dtype)?, &text.to_dtype(self.dtype)?);
        let dtype = x.dtype();
        let mut x = self.conv_in.forward(&given)?;
        let mut skips = vec![x.clone()];
        let mut pass = Pass { time: &time, text, sight, recompute: self.recompute };
        for level in &self.down {
            x = level.forward(x, &mut pass, &mut skips)?;
        }
        x = self.middle.forward(x, None, &mut pass)?;
        for level in &self.up {
            x = level.forward(x, &mut pass, &mut skips)?;
        }
        let around = Around { norm: Some((&self.norm_out, self.act)), ..Default::default() };
        self.conv_out.forward_with(&x, around)?.to_dtype(dtype)
    }
}

//! The transformer after a residual block: pixels attend to each other, then to the text.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::hyper::bent;
use super::{Hypernetworks, Level, Sight, UnetConfig};
use crate::nn::{Geglu, GroupNorm, LayerNorm, Linear, Visit, attend, linear, linear_no_bias};

/// The reference fixes both, whatever the configuration says about the other norms.
const GROUP_EPS: f64 = 1e-6;
const LAYER_EPS: f64 = 1e-5;

#[derive(Clone)]
pub struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    blocks: Vec<Block>,
    proj_out: Linear,
}

impl Transformer {
    pub fn load(config: &UnetConfig, level: &Level, vb: VarBuilder) -> Result<Self> {
        let width = level.channels;
        let project = |name: &str| {
            if config.use_linear_projection {
                return linear(width, width, vb.pp(name));
            }
            // A convolution of one pixel is a linear layer whose weights have two more dimensions.
            let conv = crate::nn::conv(width, width, 1, vb.pp(name))?;
            Linear::new(&conv.weight()?.reshape((width, width))?, conv.bias().cloned())
        };
        let blocks = (0..level.depth)
            .map(|i| Block::load(level, vb.pp(format!("transformer_blocks.{i}"))))
            .collect::<Result<_>>()?;
        let norm = GroupNorm::load(config.groups, width, GROUP_EPS, vb.pp("norm"))?;
        Ok(Self { norm, proj_in: project("proj_in")?, blocks, proj_out: project("proj_out")? })
    }

    pub fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        visit(&format!("{at}.proj_in"), &mut self.proj_in)?;
        visit(&format!("{at}.proj_out"), &mut self.proj_out)?;
        self.blocks
            .iter_mut()
            .enumerate()
            .try_for_each(|(i, block)| block.layers(&format!("{at}.transformer_blocks.{i}"), visit))
    }

    pub fn bend(&mut self, hypernetworks: &Hypernetworks) {
        for block in &mut self.blocks {
            block.itself.hypernetworks = hypernetworks.clone();
            block.text.hypernetworks = hypernetworks.clone();
        }
    }

    /// x (batch, channels, h, w), context (batch, tokens, text width) → like x.
    pub fn forward(&self, x: &Tensor, context: &Tensor, sight: &mut Sight) -> Result<Tensor> {
        let (batch, channels, h, w) = x.dims4()?;
        let pixels = self.norm.forward(x)?.reshape((batch, channels, h * w))?.transpose(1, 2)?.contiguous()?;
        let mut pixels = self.proj_in.forward(&pixels)?;
        for block in &self.blocks {
            pixels = block.forward(&pixels, context, sight)?;
        }
        self.proj_out.forward(&pixels)?.transpose(1, 2)?.reshape((batch, channels, h, w))? + x
    }
}

#[derive(Clone)]
struct Block {
    norm1: LayerNorm,
    itself: Attention,
    norm2: LayerNorm,
    text: Attention,
    norm3: LayerNorm,
    widen: Geglu,
    narrow: Linear,
}

impl Block {
    fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        self.itself.layers(&format!("{at}.attn1"), visit)?;
        self.text.layers(&format!("{at}.attn2"), visit)?;
        visit(&format!("{at}.ff.net.0.proj"), &mut self.widen)?;
        visit(&format!("{at}.ff.net.2"), &mut self.narrow)
    }

    fn load(level: &Level, vb: VarBuilder) -> Result<Self> {
        let width = level.channels;
        Ok(Self {
            norm1: LayerNorm::load(width, LAYER_EPS, vb.pp("norm1"))?,
            itself: Attention::load(width, width, level.heads, vb.pp("attn1"))?,
            norm2: LayerNorm::load(width, LAYER_EPS, vb.pp("norm2"))?,
            text: Attention::load(width, level.context, level.heads, vb.pp("attn2"))?,
            norm3: LayerNorm::load(width, LAYER_EPS, vb.pp("norm3"))?,
            widen: Geglu::load(width, 4 * width, vb.pp("ff.net.0.proj"))?,
            narrow: linear(4 * width, width, vb.pp("ff.net.2"))?,
        })
    }

    fn forward(&self, x: &Tensor, context: &Tensor, sight: &mut Sight) -> Result<Tensor> {
        let h = self.norm1.forward(x)?;
        let x = self.itself.forward(&h, &sight.context(&h)?, x)?;
        let x = self.text.forward(&self.norm2.forward(&x)?, context, &x)?;
        let h = self.widen.forward(&self.norm3.forward(&x)?)?;
        self.narrow.forward_onto(&h, Some(&x))
    }
}

#[derive(Clone)]
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
    hypernetworks: Hypernetworks,
}

impl Attention {
    fn layers(&mut self, at: &str, visit: &mut Visit) -> Result<()> {
        visit(&format!("{at}.to_q"), &mut self.query)?;
        visit(&format!("{at}.to_k"), &mut self.key)?;
        visit(&format!("{at}.to_v"), &mut self.value)?;
        visit(&format!("{at}.to_out.0"), &mut self.out)
    }

    fn load(width: usize, context: usize, heads: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            query: linear_no_bias(width, width, vb.pp("to_q"))?,
            key: linear_no_bias(context, width, vb.pp("to_k"))?,
            value: linear_no_bias(context, width, vb.pp("to_v"))?,
            out: linear(width, width, vb.pp("to_out.0"))?,
            heads,
            hypernetworks: Hypernetworks::default(),
        })
    }

    /// x (batch, rows, width) asks, context (batch, columns, its width) answers; what comes of it is added to `onto`.
    fn forward(&self, x: &Tensor, context: &Tensor, onto: &Tensor) -> Result<Tensor> {
        let [keys, values] = bent(&self.hypernetworks, context)?;
        let (q, k, v) = (self.query.forward(x)?, self.key.forward(&keys)?, self.value.forward(&values)?);
        self.out.forward_onto(&attend(&q, &k, &v, self.heads)?, Some(onto))
    }
}

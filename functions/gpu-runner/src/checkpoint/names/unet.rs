//! The denoiser: blocks counted through all levels, each a short list of layers.

use super::{block, layer};

/// What the counting depends on.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Residual blocks of a level on the way down; on the way up there is one more.
    pub per_level: usize,
    /// Whether the level on the way up attends; from the smallest picture to the widest.
    pub up_attends: Vec<bool>,
}

impl Blocks {
    pub fn original(&self, name: &str) -> Option<String> {
        let (front, rest) = name.split_once('.')?;
        let stride = self.per_level.checked_add(1)?;
        // Of a first level that has all of its blocks before it.
        let at = |level: usize, i: usize| level.checked_mul(stride)?.checked_add(i);
        Some(match front {
            "conv_in" => format!("input_blocks.0.0.{rest}"),
            "conv_norm_out" => format!("out.0.{rest}"),
            "conv_out" => format!("out.2.{rest}"),
            "time_embedding" => format!("time_embed.{}", embedding(rest)?),
            "add_embedding" => format!("label_emb.0.{}", embedding(rest)?),
            "mid_block" => match layer(rest)? {
                ("resnets", i, rest) => format!("middle_block.{}.{}", i.checked_mul(2)?, resnet(rest)?),
                ("attentions", 0, rest) => format!("middle_block.1.{rest}"),
                _ => return None,
            },
            "down_blocks" => match block(rest)? {
                (level, "resnets", i, rest) => format!("input_blocks.{}.0.{}", at(level, i)? + 1, resnet(rest)?),
                (level, "attentions", i, rest) => format!("input_blocks.{}.1.{rest}", at(level, i)? + 1),
                (level, "downsamplers", 0, rest) => {
                    format!("input_blocks.{}.0.op.{}", at(level, stride)?, rest.strip_prefix("conv.")?)
                }
                _ => return None,
            },
            "up_blocks" => match block(rest)? {
                (level, "resnets", i, rest) => format!("output_blocks.{}.0.{}", at(level, i)?, resnet(rest)?),
                (level, "attentions", i, rest) => format!("output_blocks.{}.1.{rest}", at(level, i)?),
                // Behind what the last block of the level has.
                (level, "upsamplers", 0, rest) => {
                    let place = 1 + usize::from(*self.up_attends.get(level)?);
                    format!("output_blocks.{}.{place}.{rest}", at(level, self.per_level)?)
                }
                _ => return None,
            },
            _ => return None,
        })
    }
}

fn embedding(name: &str) -> Option<String> {
    let (layer, rest) = name.split_once('.')?;
    match layer {
        "linear_1" => Some(format!("0.{rest}")),
        "linear_2" => Some(format!("2.{rest}")),
        _ => None,
    }
}

fn resnet(name: &str) -> Option<String> {
    let (layer, rest) = name.split_once('.')?;
    let layer = match layer {
        "norm1" => "in_layers.0",
        "conv1" => "in_layers.2",
        "time_emb_proj" => "emb_layers.1",
        "norm2" => "out_layers.0",
        "conv2" => "out_layers.3",
        "conv_shortcut" => "skip_connection",
        _ => return None,
    };
    Some(format!("{layer}.{rest}"))
}

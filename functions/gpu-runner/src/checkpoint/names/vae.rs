//! The autoencoder: levels of the decoder counted from the widest picture, attention by convolutions of one pixel.

use super::{block, layer};

/// `levels`: how many sizes the picture has.
pub fn original(name: &str, levels: usize) -> Option<String> {
    let (half, rest) = name.split_once('.')?;
    if matches!(half, "quant_conv" | "post_quant_conv") {
        return Some(name.to_string());
    }
    let (front, rest) = rest.split_once('.')?;
    let inner = match (half, front) {
        (_, "conv_in" | "conv_out") => format!("{front}.{rest}"),
        (_, "conv_norm_out") => format!("norm_out.{rest}"),
        (_, "mid_block") => match layer(rest)? {
            ("resnets", i, rest) => format!("mid.block_{}.{}", i.checked_add(1)?, resnet(rest)?),
            ("attentions", 0, rest) => format!("mid.attn_1.{}", attention(rest)?),
            _ => return None,
        },
        ("encoder", "down_blocks") => level("down", "downsample", rest, Some)?,
        ("decoder", "up_blocks") => level("up", "upsample", rest, |i| levels.checked_sub(1)?.checked_sub(i))?,
        _ => return None,
    };
    Some(format!("{half}.{inner}"))
}

fn level(way: &str, resample: &str, rest: &str, count: impl Fn(usize) -> Option<usize>) -> Option<String> {
    let (level, kind, i, rest) = block(rest)?;
    let level = count(level)?;
    match (kind, i) {
        ("resnets", i) => Some(format!("{way}.{level}.block.{i}.{}", resnet(rest)?)),
        ("downsamplers" | "upsamplers", 0) => Some(format!("{way}.{level}.{resample}.{rest}")),
        _ => None,
    }
}

fn resnet(name: &str) -> Option<String> {
    match name.split_once('.')? {
        ("conv_shortcut", rest) => Some(format!("nin_shortcut.{rest}")),
        ("norm1" | "conv1" | "norm2" | "conv2", _) => Some(name.to_string()),
        _ => None,
    }
}

fn attention(name: &str) -> Option<String> {
    let (layer, last) = name.rsplit_once('.')?;
    let layer = match layer {
        "group_norm" => "norm",
        "to_q" => "q",
        "to_k" => "k",
        "to_v" => "v",
        "to_out.0" => "proj_out",
        _ => return None,
    };
    Some(format!("{layer}.{last}"))
}

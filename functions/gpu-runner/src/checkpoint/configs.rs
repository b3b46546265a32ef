//! Configurations of the diffusers layout from the shapes in a file.
//!
//! What shapes don't tell is the same in every file of the family: norms of 32 groups; heads of 64 channels, or 8 of
//! them in version 1; the factor of the latents; the noise that the model was trained with. They are checked as any
//! other.

use serde_json::{Value, json};

use super::kind::{Encoder, Kind};
use super::names::unet::Blocks;
use super::shapes::Shapes;
use crate::DrawError;
use crate::models::config::{divides, invalid, unsupported};

const GROUPS: usize = 32;
const HEAD: usize = 64;

/// One size of the picture on the way down.
struct Level {
    channels: usize,
    resnets: usize,
    /// Transformer blocks after each residual block; none where it does not attend.
    depth: Option<usize>,
}

/// `unet/config.json`, and how its blocks are counted. `text` is what all text encoders together give for a token, and
/// the last of them for the whole text.
pub fn unet(kind: Kind, shapes: Shapes, text: (usize, usize)) -> Result<(Value, Blocks), DrawError> {
    let levels = levels(shapes)?;
    let Some(first) = levels.first() else { return Err(invalid("a denoiser without blocks".into())) };
    let per_level = first.resnets;
    if levels.iter().any(|level| level.resnets != per_level) {
        return Err(unsupported("a denoiser whose levels have different numbers of blocks".into()));
    }
    let depth = |block: &str| shapes.count(|i| format!("{block}.1.transformer_blocks.{i}.norm1.weight"));
    let middle = depth("middle_block");
    let channels: Vec<usize> = levels.iter().map(|level| level.channels).collect();
    let attends: Vec<bool> = levels.iter().map(|level| level.depth.is_some()).collect();
    // The middle attends as much as the last level; where that one does not, the middle says how much.
    let mut depths: Vec<usize> = levels.iter().map(|level| level.depth.unwrap_or(1)).collect();
    if let (Some(last), Some(Level { depth: None, .. })) = (depths.last_mut(), levels.last()) {
        *last = middle.max(1);
    }
    let heads: Vec<usize> =
        channels.iter().map(|channels| if kind == Kind::Sd1 { 8 } else { (channels / HEAD).max(1) }).collect();
    let named = |attends: bool, way: &str| format!("{}{way}Block2D", if attends { "CrossAttn" } else { "" });
    let up_attends: Vec<bool> = attends.iter().rev().copied().collect();
    let mut config = json!({
        "in_channels": shapes.dim("input_blocks.0.0.weight", 1)?,
        "out_channels": shapes.dim("out.2.weight", 0)?,
        "block_out_channels": channels,
        "layers_per_block": per_level,
        "down_block_types": attends.iter().map(|a| named(*a, "Down")).collect::<Vec<_>>(),
        "up_block_types": up_attends.iter().map(|a| named(*a, "Up")).collect::<Vec<_>>(),
        "transformer_layers_per_block": depths,
        "attention_head_dim": heads,
        "cross_attention_dim": text.0,
        "norm_num_groups": GROUPS,
        "use_linear_projection": shapes.of("middle_block.1.proj_in.weight").is_some_and(|shape| shape.len() == 2),
    });
    if shapes.has("label_emb.0.0.weight") {
        let inputs = shapes.dim("label_emb.0.0.weight", 1)?;
        let sizes = inputs.saturating_sub(text.1);
        let told = kind.family().told((0.0, 0.0), false).len();
        divides(("the count of sizes", told), ("what is told beside the text", sizes))?;
        config["addition_embed_type"] = json!("text_time");
        config["addition_time_embed_dim"] = json!(sizes / told);
        config["projection_class_embeddings_input_dim"] = json!(inputs);
    }
    Ok((config, Blocks { per_level, up_attends }))
}

fn levels(shapes: Shapes) -> Result<Vec<Level>, DrawError> {
    let mut levels = Vec::new();
    let mut level: Option<Level> = None;
    // Ends with the file's last block.
    for i in 1.. {
        if shapes.has(&format!("input_blocks.{i}.0.op.weight")) {
            levels.extend(level.take());
            continue;
        }
        let block = format!("input_blocks.{i}.0.in_layers.2.weight");
        if !shapes.has(&block) {
            break;
        }
        let depth = shapes.count(|k| format!("input_blocks.{i}.1.transformer_blocks.{k}.norm1.weight"));
        let depth = (depth > 0).then_some(depth);
        let channels = shapes.dim(&block, 0)?;
        let level = level.get_or_insert(Level { channels, resnets: 0, depth });
        if (level.channels, level.depth) != (channels, depth) {
            return Err(unsupported("a denoiser whose levels have blocks of different kinds".into()));
        }
        level.resnets += 1;
    }
    levels.extend(level);
    Ok(levels)
}

/// `vae/config.json`, and its number of levels.
pub fn vae(kind: Kind, shapes: Shapes) -> Result<(Value, usize), DrawError> {
    let block = |level: usize, i: usize| format!("decoder.up.{level}.block.{i}.conv1.weight");
    let levels = shapes.count(|level| block(level, 0));
    let channels = (0..levels).map(|level| shapes.dim(&block(level, 0), 0)).collect::<Result<Vec<_>, _>>()?;
    let config = json!({
        "latent_channels": shapes.dim("decoder.conv_in.weight", 1)?,
        "block_out_channels": channels,
        // One less than the decoder has.
        "layers_per_block": shapes.count(|i| block(0, i)).saturating_sub(1),
        "norm_num_groups": GROUPS,
        "down_block_types": vec!["DownEncoderBlock2D"; levels],
        "up_block_types": vec!["UpDecoderBlock2D"; levels],
        "scaling_factor": if matches!(kind, Kind::Sdxl | Kind::Refiner) { 0.13025 } else { 0.18215 },
        "use_quant_conv": shapes.has("quant_conv.weight"),
        "use_post_quant_conv": shapes.has("post_quant_conv.weight"),
    });
    Ok((config, levels))
}

/// `config.json` of a text encoder.
pub fn text(kind: Kind, encoder: Encoder, shapes: Shapes) -> Result<Value, DrawError> {
    let (tokens, positions, layer, wide) = if encoder.open_clip {
        ("token_embedding.weight", "positional_embedding", "transformer.resblocks.", "mlp.c_fc.weight")
    } else {
        (
            "embeddings.token_embedding.weight",
            "embeddings.position_embedding.weight",
            "encoder.layers.",
            "mlp.fc1.weight",
        )
    };
    let outer = format!("{}text_model.", shapes.prefix);
    let inner = Shapes { prefix: &outer, ..shapes };
    let shapes = if inner.has(tokens) { inner } else { shapes };
    let width = shapes.dim(tokens, 1)?;
    let layers = shapes.count(|i| format!("{layer}{i}.{wide}"));
    // The vectors that condition version 2 are those before its last layer.
    let layers = if kind == Kind::Sd2 { layers.saturating_sub(1) } else { layers };
    let mut config = json!({
        "vocab_size": shapes.dim(tokens, 0)?,
        "hidden_size": width,
        "intermediate_size": shapes.dim(&format!("{layer}0.{wide}"), 0)?,
        "num_hidden_layers": layers,
        "num_attention_heads": (width / HEAD).max(1),
        "max_position_embeddings": shapes.dim(positions, 0)?,
        "hidden_act": if encoder.open_clip { "gelu" } else { "quick_gelu" },
        // Stands for the largest, which is the end.
        "eos_token_id": 2,
    });
    if let Some([_, projected]) = shapes.of("text_projection") {
        config["projection_dim"] = json!(projected);
    }
    Ok(config)
}

/// `scheduler/scheduler_config.json`, as the families were published with. `zero_snr`: trained with a schedule that
/// ends in nothing but noise.
pub fn scheduler(kind: Kind, prediction: &str, zero_snr: bool) -> Value {
    let class = match kind {
        Kind::Sd1 => "PNDMScheduler",
        Kind::Sd2 => "DDIMScheduler",
        Kind::Sdxl | Kind::Refiner => "EulerDiscreteScheduler",
    };
    json!({
        "_class_name": class, "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "prediction_type": prediction, "clip_sample": false,
        "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1,
        "timestep_spacing": if zero_snr { "trailing" } else { "leading" }, "rescale_betas_zero_snr": zero_snr,
    })
}

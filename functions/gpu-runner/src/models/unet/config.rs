//! `unet/config.json`: what the reference's `UNet2DConditionModel` makes of it.

use serde::Deserialize;

use crate::DrawError;
use crate::models::config::{COUNT, Config, PerLevel, WIDTH, divides, invalid, positive, unsupported, within};
use crate::nn::Activation;

/// A checked configuration; the lists have one entry per level, from the widest picture to the smallest.
#[derive(Clone, Debug)]
pub struct UnetConfig {
    pub in_channels: usize,
    pub out_channels: usize,
    pub center_input_sample: bool,
    pub flip_sin_to_cos: bool,
    pub freq_shift: f64,
    pub act: Activation,
    pub groups: usize,
    pub eps: f64,
    pub mid_scale: f64,
    pub use_linear_projection: bool,
    pub downsample_padding: usize,
    pub down: Vec<Level>,
    /// Whether the level on the way up attends; from the smallest picture to the widest.
    pub up_attends: Vec<bool>,
    /// What the network is told beside the text.
    pub added: Option<AddedConfig>,
}

/// The reference's `addition_embed_type` "text_time".
#[derive(Clone, Debug)]
pub struct AddedConfig {
    /// Width of the sines of each number.
    pub sines: usize,
    /// Width of the text's vector and all sines together.
    pub inputs: usize,
}

#[derive(Clone, Debug)]
pub struct Level {
    pub channels: usize,
    pub layers: usize,
    pub attends: bool,
    pub heads: usize,
    /// Transformer blocks after each residual block.
    pub depth: usize,
    /// Width of the text's vectors.
    pub context: usize,
}

#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    in_channels: usize,
    out_channels: usize,
    center_input_sample: bool,
    flip_sin_to_cos: bool,
    freq_shift: f64,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    layers_per_block: PerLevel<usize>,
    downsample_padding: usize,
    mid_block_scale_factor: f64,
    act_fn: Activation,
    norm_num_groups: usize,
    norm_eps: f64,
    cross_attention_dim: PerLevel<usize>,
    transformer_layers_per_block: PerLevel<usize>,
    /// The number of heads, in spite of its name: a mistake that the reference keeps for the sake of old files.
    attention_head_dim: PerLevel<usize>,
    use_linear_projection: bool,
    addition_embed_type: Option<String>,
    addition_time_embed_dim: Option<usize>,
    projection_class_embeddings_input_dim: Option<usize>,
}

impl Default for Raw {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|s| s.to_string()).collect();
        Self {
            in_channels: 4,
            out_channels: 4,
            center_input_sample: false,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            down_block_types: names(&[CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN]),
            up_block_types: names(&[UP, CROSS_UP, CROSS_UP, CROSS_UP]),
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: PerLevel::All(2),
            downsample_padding: 1,
            mid_block_scale_factor: 1.0,
            act_fn: Activation::Silu,
            norm_num_groups: 32,
            norm_eps: 1e-5,
            cross_attention_dim: PerLevel::All(1280),
            transformer_layers_per_block: PerLevel::All(1),
            attention_head_dim: PerLevel::All(8),
            use_linear_projection: false,
            addition_embed_type: None,
            addition_time_embed_dim: None,
            projection_class_embeddings_input_dim: None,
        }
    }
}

const DOWN: &str = "DownBlock2D";
const CROSS_DOWN: &str = "CrossAttnDownBlock2D";
const UP: &str = "UpBlock2D";
const CROSS_UP: &str = "CrossAttnUpBlock2D";

impl UnetConfig {
    pub fn checked(config: &Config) -> Result<Self, DrawError> {
        refuse_variants(config)?;
        let raw: Raw = config.parse()?;
        let levels = within("the number of block_out_channels", raw.block_out_channels.len(), 1..=16)?;
        within("in_channels", raw.in_channels, WIDTH)?;
        within("out_channels", raw.out_channels, WIDTH)?;
        within("downsample_padding", raw.downsample_padding, 0..=1)?;
        positive("norm_eps", raw.norm_eps)?;
        positive("mid_block_scale_factor", raw.mid_block_scale_factor)?;
        if !raw.freq_shift.is_finite() {
            return Err(invalid(format!("freq_shift = {}", raw.freq_shift)));
        }
        let attends = attending(&raw.down_block_types, "down_block_types", (DOWN, CROSS_DOWN), levels)?;
        let up_attends = attending(&raw.up_block_types, "up_block_types", (UP, CROSS_UP), levels)?;
        let layers = raw.layers_per_block.expand("layers_per_block", levels)?;
        let heads = raw.attention_head_dim.expand("attention_head_dim", levels)?;
        let depth = raw.transformer_layers_per_block.expand("transformer_layers_per_block", levels)?;
        let context = raw.cross_attention_dim.expand("cross_attention_dim", levels)?;
        let mut down = Vec::with_capacity(levels);
        for ((((&channels, layers), (heads, depth)), context), attends) in
            raw.block_out_channels.iter().zip(layers).zip(heads.into_iter().zip(depth)).zip(context).zip(attends)
        {
            within("block_out_channels", channels, WIDTH)?;
            within("layers_per_block", layers, COUNT)?;
            within("attention_head_dim", heads, COUNT)?;
            within("transformer_layers_per_block", depth, COUNT)?;
            within("cross_attention_dim", context, WIDTH)?;
            divides(("norm_num_groups", raw.norm_num_groups), ("block_out_channels", channels))?;
            divides(("attention_head_dim", heads), ("block_out_channels", channels))?;
            down.push(Level { channels, layers, attends, heads, depth, context });
        }
        divides(("2", 2), ("block_out_channels[0]", down[0].channels))?;
        Ok(Self {
            in_channels: raw.in_channels,
            out_channels: raw.out_channels,
            center_input_sample: raw.center_input_sample,
            flip_sin_to_cos: raw.flip_sin_to_cos,
            freq_shift: raw.freq_shift,
            act: raw.act_fn,
            groups: raw.norm_num_groups,
            eps: raw.norm_eps,
            mid_scale: raw.mid_block_scale_factor,
            use_linear_projection: raw.use_linear_projection,
            downsample_padding: raw.downsample_padding,
            down,
            up_attends,
            added: raw.added()?,
        })
    }

    /// Width of the time embedding.
    pub fn time_width(&self) -> usize {
        4 * self.down[0].channels
    }

    /// Widths of the text vectors that the attending levels ask for.
    pub fn context_widths(&self) -> impl Iterator<Item = usize> + '_ {
        self.down.iter().map(|level| level.context)
    }
}

impl Raw {
    fn added(&self) -> Result<Option<AddedConfig>, DrawError> {
        match self.addition_embed_type.as_deref() {
            None => return Ok(None),
            Some("text_time") => {}
            Some(other) => return Err(unsupported(format!("addition_embed_type = {other:?}"))),
        }
        let (sines, inputs) = (self.addition_time_embed_dim, self.projection_class_embeddings_input_dim);
        let (Some(sines), Some(inputs)) = (sines, inputs) else {
            return Err(invalid(
                "addition_embed_type without addition_time_embed_dim and projection_class_embeddings_input_dim".into(),
            ));
        };
        within("addition_time_embed_dim", sines, WIDTH)?;
        within("projection_class_embeddings_input_dim", inputs, WIDTH)?;
        divides(("2", 2), ("addition_time_embed_dim", sines))?;
        Ok(Some(AddedConfig { sines, inputs }))
    }
}

/// Options of the reference whose other values change the network and are not built here.
fn refuse_variants(config: &Config) -> Result<(), DrawError> {
    const ABSENT: [&str; 12] = [
        "class_embed_type",
        "encoder_hid_dim",
        "encoder_hid_dim_type",
        "num_class_embeds",
        "num_attention_heads",
        "time_embedding_dim",
        "time_embedding_act_fn",
        "timestep_post_act",
        "time_cond_proj_dim",
        "cross_attention_norm",
        "reverse_transformer_layers_per_block",
        "mid_block_only_cross_attention",
    ];
    for key in ABSENT {
        if let Some(value) = config.get(key) {
            return Err(unsupported(format!("{key} = {value}")));
        }
    }
    for key in ["only_cross_attention", "dual_cross_attention", "resnet_skip_time_act", "class_embeddings_concat"] {
        config.only(key, false)?;
    }
    config.only("mid_block_type", "UNetMidBlock2DCrossAttn")?;
    config.only("resnet_time_scale_shift", "default")?;
    config.only("resnet_out_scale_factor", 1.0)?;
    config.only("time_embedding_type", "positional")?;
    config.only("attention_type", "default")?;
    config.only("conv_in_kernel", 3)?;
    config.only("conv_out_kernel", 3)
}

fn attending(names: &[String], key: &str, (plain, cross): (&str, &str), levels: usize) -> Result<Vec<bool>, DrawError> {
    if names.len() != levels {
        return Err(invalid(format!("{key} has {} entries for {levels} levels", names.len())));
    }
    names
        .iter()
        .map(|name| match name.as_str() {
            n if n == plain => Ok(false),
            n if n == cross => Ok(true),
            other => Err(unsupported(format!("{key} {other:?} (only {plain} and {cross} are supported)"))),
        })
        .collect()
}

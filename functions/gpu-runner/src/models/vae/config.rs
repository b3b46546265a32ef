//! `vae/config.json`: what the reference's `AutoencoderKL` makes of it.

use serde::Deserialize;

use crate::DrawError;
use crate::models::config::{COUNT, Config, WIDTH, divides, invalid, positive, unsupported, within};
use crate::nn::Activation;

#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct VaeConfig {
    pub in_channels: usize,
    pub out_channels: usize,
    pub latent_channels: usize,
    /// From the widest picture to the smallest.
    pub block_out_channels: Vec<usize>,
    pub layers_per_block: usize,
    pub norm_num_groups: usize,
    pub act_fn: Activation,
    /// Latents are multiplied by this so that the denoiser sees unit variance.
    pub scaling_factor: f64,
    pub shift_factor: f64,
    /// Of each latent channel; where both are given they count and the shift does not.
    pub latents_mean: Option<Vec<f64>>,
    pub latents_std: Option<Vec<f64>>,
    pub use_quant_conv: bool,
    pub use_post_quant_conv: bool,
    pub mid_block_add_attention: bool,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            block_out_channels: vec![64],
            layers_per_block: 1,
            norm_num_groups: 32,
            act_fn: Activation::Silu,
            scaling_factor: 0.18215,
            shift_factor: 0.0,
            latents_mean: None,
            latents_std: None,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
            down_block_types: vec![DOWN.to_string()],
            up_block_types: vec![UP.to_string()],
        }
    }
}

const DOWN: &str = "DownEncoderBlock2D";
const UP: &str = "UpDecoderBlock2D";

impl VaeConfig {
    pub fn checked(config: &Config) -> Result<Self, DrawError> {
        let c: Self = config.parse()?;
        let levels = within("the number of block_out_channels", c.block_out_channels.len(), 1..=8)?;
        within("in_channels", c.in_channels, WIDTH)?;
        within("latent_channels", c.latent_channels, WIDTH)?;
        within("layers_per_block", c.layers_per_block, COUNT)?;
        // A picture has three channels: red, green, blue.
        config.only("in_channels", 3)?;
        config.only("out_channels", 3)?;
        for &channels in &c.block_out_channels {
            within("block_out_channels", channels, WIDTH)?;
            divides(("norm_num_groups", c.norm_num_groups), ("block_out_channels", channels))?;
        }
        for (key, names, known) in
            [("down_block_types", &c.down_block_types, DOWN), ("up_block_types", &c.up_block_types, UP)]
        {
            if names.len() != levels {
                return Err(invalid(format!("{key} has {} entries for {levels} levels", names.len())));
            }
            if let Some(other) = names.iter().find(|name| *name != known) {
                return Err(unsupported(format!("{key} {other:?} (only {known} is supported)")));
            }
        }
        for (key, values) in [("latents_mean", &c.latents_mean), ("latents_std", &c.latents_std)] {
            let Some(values) = values else { continue };
            if values.len() != c.latent_channels || !values.iter().all(|value| (*value as f32).is_finite()) {
                return Err(invalid(format!("{key} = {values:?} for {} channels", c.latent_channels)));
            }
        }
        for &deviation in c.latents_std.iter().flatten() {
            positive("latents_std", deviation)?;
        }
        positive("scaling_factor", c.scaling_factor)?;
        if !c.shift_factor.is_finite() {
            return Err(invalid(format!("shift_factor = {}", c.shift_factor)));
        }
        Ok(c)
    }

    /// Pixels per latent, along each side.
    pub fn factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }
}

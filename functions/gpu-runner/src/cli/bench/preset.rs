//! The networks that are timed: configurations by name, with random weights.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::Tensor;
use candle_nn::VarBuilder;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::Inputs;
use crate::device::Compute;
use crate::models::config::Config;
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
use crate::tiny::RandomWeights;
use crate::weights::Weights;

/// Width of the text's vectors in all of them.
pub const CONTEXT: usize = 768;
const STEM: &str = "diffusion_pytorch_model";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// Three levels of SD 1.5's kind, 21 million parameters
    #[value(name = "unet-64-128-256")]
    UnetSmall,
    /// SD 1.5's own, 860 million
    UnetSd15,
    /// Three levels of the autoencoder's kind
    #[value(name = "vae-64-128-256")]
    VaeSmall,
    /// The autoencoder of SD 1.5 and 2
    VaeSd,
}

pub enum Network {
    Unet(Box<Unet>),
    Vae(Box<Vae>),
}

impl Network {
    /// Guidance makes two of a picture for the denoiser.
    pub fn batch(&self) -> usize {
        match self {
            Network::Unet(_) => 2,
            Network::Vae(_) => 1,
        }
    }

    pub fn call(&self, inputs: &Inputs) -> candle_core::Result<Tensor> {
        match self {
            Network::Unet(unet) => unet.forward(&inputs.latents, &inputs.times, &inputs.text),
            Network::Vae(vae) => vae.decode_unscaled(&inputs.latents),
        }
    }
}

impl Preset {
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// With the weights in `dir`, which are written there when they are not; without one, made up in memory.
    pub fn open(self, dir: Option<&Path>, on: &Compute) -> Result<Network> {
        let Some(dir) = dir else { return self.load(&self.checked()?, RandomWeights::new(0).builder_on(on), false) };
        let path = dir.join("config.json");
        if !path.is_file() {
            std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
            let weights = RandomWeights::new(0);
            self.load(&self.checked()?, weights.builder(), true)?;
            weights.save(&dir.join(format!("{STEM}.safetensors")))?;
            std::fs::write(&path, serde_json::to_string_pretty(&self.config())?)?;
        }
        let weights = Weights::open(dir, STEM)?.into_builder(on.dtype, &on.device);
        self.load(&Config::read(&path)?, weights, false)
    }

    /// `whole`: with what a call does not need.
    fn load(self, config: &Config, weights: VarBuilder<'static>, whole: bool) -> Result<Network> {
        Ok(match self {
            Preset::UnetSmall | Preset::UnetSd15 => {
                Network::Unet(Box::new(Unet::load(&UnetConfig::checked(config)?, weights)?))
            }
            Preset::VaeSmall | Preset::VaeSd => {
                let load = if whole { Vae::load } else { Vae::for_drawing };
                Network::Vae(Box::new(load(&VaeConfig::checked(config)?, weights)?))
            }
        })
    }

    fn checked(self) -> Result<Config> {
        Ok(serde_json::from_value(self.config())?)
    }

    fn config(self) -> Value {
        match self {
            Preset::UnetSmall => unet(&[64, 128, 256]),
            Preset::UnetSd15 => unet(&[320, 640, 1280, 1280]),
            Preset::VaeSmall => vae(&[64, 128, 256]),
            Preset::VaeSd => vae(&[128, 256, 512, 512]),
        }
    }
}

/// As SD 1.5 has it: attention on every level but the smallest, eight heads.
fn unet(widths: &[usize]) -> Value {
    let last = widths.len() - 1;
    let kinds = |plain: &str, cross: &str| -> Vec<String> {
        (0..widths.len()).map(|i| if i == last { plain } else { cross }.to_owned()).collect()
    };
    let mut up = kinds("UpBlock2D", "CrossAttnUpBlock2D");
    up.reverse();
    json!({
        "_class_name": "UNet2DConditionModel", "sample_size": 64, "in_channels": 4, "out_channels": 4,
        "block_out_channels": widths, "layers_per_block": 2, "cross_attention_dim": CONTEXT, "attention_head_dim": 8,
        "down_block_types": kinds("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": up,
        "norm_num_groups": 32, "act_fn": "silu",
    })
}

fn vae(widths: &[usize]) -> Value {
    json!({
        "_class_name": "AutoencoderKL", "sample_size": 512, "in_channels": 3, "out_channels": 3, "latent_channels": 4,
        "block_out_channels": widths, "layers_per_block": 2, "norm_num_groups": 32, "act_fn": "silu",
        "down_block_types": vec!["DownEncoderBlock2D"; widths.len()],
        "up_block_types": vec!["UpDecoderBlock2D"; widths.len()],
    })
}

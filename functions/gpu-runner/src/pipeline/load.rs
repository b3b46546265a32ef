//! From its parts to a model; checks that they fit together.

use std::path::Path;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::Model;
use super::adapt::Opened;
use super::directory::Directory;
use super::eyes::Eyes;
use super::parts::{Family, Parts};
use super::text::Texts;
use crate::DrawError;
use crate::adapters::{Adapted, Part};
use crate::checkpoint::Checkpoint;
use crate::models::config::unsupported;
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
use crate::schedulers::Schedule;

impl Model {
    /// Reads a model onto a device, in single precision: a directory in the diffusers layout, or one file.
    pub fn load(path: &Path, device: &Device) -> Result<Self, DrawError> {
        Self::load_with(path, None, device)
    }

    /// The same with a directory that has the vocabulary for models in one file.
    pub fn load_with(path: &Path, tokenizer: Option<&Path>, device: &Device) -> Result<Self, DrawError> {
        if path.is_dir() {
            let model = Self::assemble(&Directory::read(path)?, device)?;
            return Ok(Self { eyes: Eyes::open(path, device)?, ..model });
        }
        let checkpoint = Checkpoint::open(path, tokenizer).map_err(|e| e.at(path.display()))?;
        Self::assemble(&checkpoint, device)
    }

    fn assemble(parts: &dyn Parts, device: &Device) -> Result<Self, DrawError> {
        let unet_config = UnetConfig::checked(&parts.config("unet")?).map_err(|e| e.at("unet"))?;
        let mut vae_config = VaeConfig::checked(&parts.config("vae")?).map_err(|e| e.at("vae"))?;
        let mut schedule = Schedule::checked(&parts.config("scheduler")?).map_err(|e| e.at("scheduler"))?;
        if parts.family() == Family::Sd {
            schedule = schedule.overruled();
            // Only its pipelines of SDXL look at it.
            vae_config.latents_mean = None;
        }
        let draws_parts = draws_parts(&unet_config, &vae_config)?;

        let weights =
            |part: &str| Ok::<_, DrawError>(VarBuilder::from_backend(parts.weights(part)?, DType::F32, device.clone()));
        let texts = Texts::load(parts, &unet_config, device)?;
        let widths = unet_config.down.iter().flat_map(|level| [level.channels, level.context]).collect();
        let build = |vb| Unet::load(&unet_config, vb);
        let unet = Adapted::load(Part::Unet, weights("unet")?, build).map_err(in_part("unet"))?;
        let vae = Vae::load(&vae_config, weights("vae")?).map_err(in_part("vae"))?;
        Ok(Self {
            texts,
            unet,
            vae,
            schedule,
            channels: vae_config.latent_channels,
            factor: vae_config.factor(),
            device: device.clone(),
            draws_parts,
            // Those of the level below come up before they are fewer.
            widest: vae_config.block_out_channels.iter().take(2).copied().max().unwrap_or(1),
            widths,
            opened: Opened::default(),
            colours: None,
            eyes: Eyes::default(),
        })
    }
}

fn in_part(part: &str) -> impl Fn(candle_core::Error) -> DrawError + '_ {
    move |e| DrawError::from(e).at(part)
}

/// Checks that the denoiser is for these latents; whether it is shown what is drawn anew beside them.
fn draws_parts(unet: &UnetConfig, vae: &VaeConfig) -> Result<bool, DrawError> {
    let latent = vae.latent_channels;
    // The mask, and the latents of what is kept.
    let draws_parts = unet.in_channels == 2 * latent + 1;
    if unet.out_channels != latent || unet.in_channels != latent && !draws_parts {
        return Err(unsupported(format!(
            "a unet from {} to {} channels over an autoencoder of {latent}",
            unet.in_channels, unet.out_channels
        )));
    }
    Ok(draws_parts)
}

//! From its parts to a model; checks that they fit together.

use std::path::Path;

use candle_nn::VarBuilder;
use serde_json::Value;

use super::Model;
use super::adapt::Opened;
use super::directory::Directory;
use super::eyes::Eyes;
use super::parts::{Family, Parts};
use super::precision;
use super::text::Texts;
use crate::DrawError;
use crate::adapters::{Adapted, Part};
use crate::checkpoint::Checkpoint;
use crate::device::Compute;
use crate::models::config::unsupported;
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
use crate::schedulers::Schedule;

impl Model {
    /// Reads a model onto a device, in single precision where nothing else is said: a directory in the diffusers
    /// layout, or one file.
    pub fn load(path: &Path, on: impl Into<Compute>) -> Result<Self, DrawError> {
        Self::load_with(path, None, on)
    }

    /// The same with a directory that has the vocabulary for models in one file.
    pub fn load_with(path: &Path, tokenizer: Option<&Path>, on: impl Into<Compute>) -> Result<Self, DrawError> {
        let on = on.into();
        let device = on.device.clone();
        let model = Self::assemble(&*open(path, tokenizer)?, on)?;
        if path.is_dir() { Ok(Self { eyes: Eyes::open(path, &device)?, ..model }) } else { Ok(model) }
    }

    /// From parts that lie anywhere.
    pub fn assemble(parts: &dyn Parts, on: impl Into<Compute>) -> Result<Self, DrawError> {
        let on = on.into();
        let unet_config = UnetConfig::checked(&parts.config("unet")?).map_err(|e| e.at("unet"))?;
        let mut vae_config = VaeConfig::checked(&parts.config("vae")?).map_err(|e| e.at("vae"))?;
        let mut schedule = Schedule::checked(&parts.config("scheduler")?).map_err(|e| e.at("scheduler"))?;
        if parts.family() == Family::Sd {
            schedule = schedule.overruled();
            // Only its pipelines of SDXL look at it.
            vae_config.latents_mean = None;
        }
        let draws_parts = draws_parts(&unet_config, &vae_config)?;

        let weights = |part: &str| {
            let dtype = precision::of(part, on.dtype, parts)?;
            Ok::<_, DrawError>(VarBuilder::from_backend(parts.weights(part)?, dtype, on.device.clone()))
        };
        let texts = Texts::load(parts, &unet_config, &on)?;
        let widths = unet_config.down.iter().flat_map(|level| [level.channels, level.context]).collect();
        let build = |vb| Unet::load(&unet_config, vb);
        let unet = Adapted::load(Part::Unet, weights("unet")?, build).map_err(in_part("unet"))?;
        let vae = Vae::for_drawing(&vae_config, weights("vae")?).map_err(in_part("vae"))?;
        Ok(Self {
            texts,
            unet,
            vae,
            schedule,
            channels: vae_config.latent_channels,
            factor: vae_config.factor(),
            vae_bytes: precision::of("vae", on.dtype, parts)?.size_in_bytes() as u64,
            on,
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

/// What a model is put together from: a directory in the diffusers layout, or one file, with a directory that has the
/// vocabulary for it.
pub fn open(path: &Path, tokenizer: Option<&Path>) -> Result<Box<dyn Parts>, DrawError> {
    if path.is_dir() {
        return Ok(Box::new(Directory::read(path)?));
    }
    Ok(Box::new(Checkpoint::open(path, tokenizer).map_err(|e| e.at(path.display()))?))
}

/// Width and height in pixels of the pictures that a model was made for: what its configuration says, else what its
/// kind is usually made for.
pub fn side(parts: &dyn Parts) -> Result<usize, DrawError> {
    let latents = parts.config("unet")?.get("sample_size").and_then(Value::as_u64);
    let factor = VaeConfig::checked(&parts.config("vae")?).map_err(|e| e.at("vae"))?.factor();
    let usual = if parts.family() == Family::Sd { 512 } else { 1024 };
    Ok(latents.and_then(|latents| usize::try_from(latents).ok()?.checked_mul(factor)).unwrap_or(usual))
}

fn in_part(part: &str) -> impl Fn(candle_core::Error) -> DrawError + '_ {
    move |e| DrawError::from(e).at(part)
}

/// Checks that the denoiser is for these latents; whether it is shown what is drawn anew beside them.
pub(crate) fn draws_parts(unet: &UnetConfig, vae: &VaeConfig) -> Result<bool, DrawError> {
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

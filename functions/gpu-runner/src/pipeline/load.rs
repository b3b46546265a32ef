//! From its parts to a model; checks that they fit together.

use std::path::Path;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::Model;
use super::adapt::Opened;
use super::directory::Directory;
use super::parts::{Family, Parts};
use super::text::Texts;
use crate::DrawError;
use crate::adapters::{Adapted, Part};
use crate::models::config::unsupported;
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
use crate::schedulers::Schedule;

impl Model {
    /// Reads a model onto a device, in single precision.
    pub fn load(path: &Path, device: &Device) -> Result<Self, DrawError> {
        Self::assemble(&Directory::open(path)?, device)
    }

    fn assemble(parts: &dyn Parts, device: &Device) -> Result<Self, DrawError> {
        let unet_config = UnetConfig::checked(&parts.config("unet")?).map_err(|e| e.at("unet"))?;
        let vae_config = VaeConfig::checked(&parts.config("vae")?).map_err(|e| e.at("vae"))?;
        let mut schedule = Schedule::checked(&parts.config("scheduler")?).map_err(|e| e.at("scheduler"))?;
        if parts.family() == Family::Sd {
            schedule = schedule.overruled();
        }
        check_fit(&unet_config, &vae_config)?;

        let weights =
            |part: &str| Ok::<_, DrawError>(VarBuilder::from_backend(parts.weights(part)?, DType::F32, device.clone()));
        let texts = Texts::load(parts, &unet_config, device)?;
        let widths = unet_config.down.iter().flat_map(|level| [level.channels, level.context]).collect();
        let build = move |vb| Unet::load(&unet_config, vb);
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
            widths,
            opened: Opened::default(),
            colours: None,
        })
    }
}

fn in_part(part: &str) -> impl Fn(candle_core::Error) -> DrawError + '_ {
    move |e| DrawError::from(e).at(part)
}

fn check_fit(unet: &UnetConfig, vae: &VaeConfig) -> Result<(), DrawError> {
    if unet.in_channels != vae.latent_channels || unet.out_channels != vae.latent_channels {
        return Err(unsupported(format!(
            "a unet from {} to {} channels over an autoencoder of {}",
            unet.in_channels, unet.out_channels, vae.latent_channels
        )));
    }
    Ok(())
}

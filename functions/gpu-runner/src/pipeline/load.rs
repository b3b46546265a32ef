//! From a directory in the diffusers layout to a model; checks that its parts fit together.

use std::path::Path;

use candle_core::{DType, Device};
use serde_json::Value;

use super::Model;
use crate::DrawError;
use crate::models::clip::{TextConfig, TextEncoder};
use crate::models::config::{Config, invalid, unsupported};
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
use crate::schedulers::Schedule;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

impl Model {
    /// Reads a model onto a device, in single precision.
    pub fn load(dir: &Path, device: &Device) -> Result<Self, DrawError> {
        let index = Config::read(&dir.join("model_index.json"))?;
        check_index(&index).map_err(|e| e.at("model_index.json"))?;
        let config = |part: &str, file: &str| Config::read(&dir.join(part).join(file));
        let weights = |part: &str, stem: &str| {
            Ok::<_, DrawError>(Weights::open(&dir.join(part), stem)?.into_builder(DType::F32, device))
        };
        let text_config =
            TextConfig::checked(&config("text_encoder", "config.json")?).map_err(|e| e.at("text_encoder"))?;
        let unet_config = UnetConfig::checked(&config("unet", "config.json")?).map_err(|e| e.at("unet"))?;
        let vae_config = VaeConfig::checked(&config("vae", "config.json")?).map_err(|e| e.at("vae"))?;
        let mut schedule =
            Schedule::checked(&config("scheduler", "scheduler_config.json")?).map_err(|e| e.at("scheduler"))?;
        // The reference's pipeline sets both, whatever an older file says: latents are not bounded like pixels.
        schedule.clip = None;
        schedule.steps_offset = 1;
        check_fit(&text_config, &unet_config, &vae_config)?;

        let (positions, words) = (text_config.max_position_embeddings, text_config.vocab_size);
        let tokenizer = Tokenizer::load(&dir.join("tokenizer"), positions, words)?;
        let text =
            TextEncoder::load(&text_config, weights("text_encoder", "model")?).map_err(in_part("text_encoder"))?;
        let unet = Unet::load(&unet_config, weights("unet", "diffusion_pytorch_model")?).map_err(in_part("unet"))?;
        let vae = Vae::load(&vae_config, weights("vae", "diffusion_pytorch_model")?).map_err(in_part("vae"))?;
        Ok(Self {
            tokenizer,
            text,
            unet,
            vae,
            schedule,
            channels: vae_config.latent_channels,
            factor: vae_config.factor(),
            device: device.clone(),
            colours: None,
        })
    }
}

fn in_part(part: &str) -> impl Fn(candle_core::Error) -> DrawError + '_ {
    move |e| DrawError::from(e).at(part)
}

fn check_index(index: &Config) -> Result<(), DrawError> {
    let class = index.get("_class_name").and_then(Value::as_str).unwrap_or("(no _class_name)");
    if !matches!(class, "StableDiffusionPipeline" | "StableDiffusionImg2ImgPipeline") {
        return Err(unsupported(format!("{class} (only StableDiffusionPipeline is supported)")));
    }
    for (part, known) in [("text_encoder", "CLIPTextModel"), ("unet", "UNet2DConditionModel"), ("vae", "AutoencoderKL")]
    {
        match index.get(part).and_then(|entry| entry.get(1)?.as_str()) {
            Some(class) if class == known => {}
            Some(other) => return Err(unsupported(format!("{part} {other} (only {known} is supported)"))),
            None => return Err(invalid(format!("{part} is not named"))),
        }
    }
    Ok(())
}

fn check_fit(text: &TextConfig, unet: &UnetConfig, vae: &VaeConfig) -> Result<(), DrawError> {
    if let Some(width) = unet.context_widths().find(|width| *width != text.hidden_size) {
        let message = format!("the unet wants text of width {width}, the text encoder gives {}", text.hidden_size);
        return Err(invalid(message));
    }
    if unet.in_channels != vae.latent_channels || unet.out_channels != vae.latent_channels {
        return Err(unsupported(format!(
            "a unet from {} to {} channels over an autoencoder of {}",
            unet.in_channels, unet.out_channels, vae.latent_channels
        )));
    }
    Ok(())
}

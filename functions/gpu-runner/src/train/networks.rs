//! The networks of a model as a training has them: those that learn are made of its parameters.

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::hyper;
use super::lora::{Paths, of_unet};
use super::objective::Objective;
use super::parameters::Parameters;
use super::plan::{Kind, Learns, Plan, invalid};
use super::texts::Texts;
use crate::models::config::unsupported;
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
use crate::pipeline::{Family, Parts, draws_parts};
use crate::schedulers::Schedule;
use crate::weights::Source;
use crate::{Code, DrawError};

pub struct Networks {
    pub texts: Texts,
    pub unet: Unet,
    pub vae: Vae,
    pub objective: Objective,
    /// Pixels per latent, along each side.
    pub factor: usize,
}

/// Checks by its configurations that a model can be trained; those of its UNet and autoencoder.
pub(super) fn trainable(parts: &dyn Parts) -> Result<(UnetConfig, VaeConfig), DrawError> {
    let unet = UnetConfig::checked(&parts.config("unet")?).map_err(|e| e.at("unet"))?;
    let vae = VaeConfig::checked(&parts.config("vae")?).map_err(|e| e.at("vae"))?;
    if matches!(parts.family(), Family::Refiner { .. }) {
        return Err(unsupported("a refiner is not trained".into()));
    }
    if draws_parts(&unet, &vae)? {
        return Err(unsupported("a unet that draws parts of pictures is not trained".into()));
    }
    Ok((unet, vae))
}

/// Checks by its configurations that a model can be trained. Reads no weights.
///
/// # Errors
///
/// `model_unsupported` for inpainting models and refiners, `model_config_invalid`.
pub fn check_model(parts: &dyn Parts) -> Result<(), DrawError> {
    trainable(parts).map(drop)
}

impl Networks {
    pub fn load(parts: &dyn Parts, plan: &Plan, parameters: &Parameters, device: &Device) -> Result<Self, DrawError> {
        let (unet_config, mut vae_config) = trainable(parts)?;
        let schedule = Schedule::checked(&parts.config("scheduler")?).map_err(|e| e.at("scheduler"))?;
        if parts.family() == Family::Sd {
            // As in drawing.
            vae_config.latents_mean = None;
        }
        let objective = Objective::new(&schedule, plan.weighting).map_err(|e| e.at("scheduler"))?;
        let learns = match &plan.kind {
            Kind::Checkpoint(learns) => *learns,
            _ => Learns { unet: false, text: false },
        };
        let made = (parameters, device);
        let mut texts = Texts::load(parts, &unet_config, learns.text, made)?;
        let at = |part: &'static str| move |e: candle_core::Error| DrawError::from(e).at(part);
        let source = Source::over(parameters.builder("unet", parts.weights("unet")?, move |_| learns.unet, device));
        let mut unet = Unet::load(&unet_config, source.builder()).map_err(at("unet"))?;
        unet.recompute(plan.recompute);
        match &plan.kind {
            Kind::Checkpoint(_) => {}
            Kind::Lora { rank, alpha, convolutions, learns } => {
                let paths = Paths { rank: *rank, scale: alpha / *rank as f64, seed: plan.seed };
                if learns.unet {
                    let wanted = |name: &str| of_unet(name, *convolutions);
                    paths.attach("unet", |visit| unet.layers(visit), &source, wanted, made)?;
                }
                if learns.text {
                    texts.attach(&paths, made)?;
                }
            }
            Kind::Words { word, vectors, from } => texts.learn(word, *vectors, from, parameters)?,
            Kind::Hypernetwork(chain) => hyper::attach(chain, plan.seed, &mut unet, &unet_config, made)?,
        }
        let vb = VarBuilder::from_backend(parts.weights("vae")?, DType::F32, device.clone());
        let vae = Vae::load(&vae_config, vb).map_err(at("vae"))?;
        if !vae.encodes() {
            return Err(DrawError::new(Code::EncoderMissing, "pictures to learn, and an autoencoder without one half"));
        }
        Ok(Self { texts, unet, vae, objective, factor: vae_config.factor() })
    }

    /// Checks that pictures of this size have latents.
    pub fn takes(&self, (width, height): (usize, usize)) -> Result<(), DrawError> {
        if width > 0 && height > 0 && width.is_multiple_of(self.factor) && height.is_multiple_of(self.factor) {
            return Ok(());
        }
        Err(invalid(format!("an example of {width}x{height}: this model learns multiples of {}", self.factor)))
    }
}

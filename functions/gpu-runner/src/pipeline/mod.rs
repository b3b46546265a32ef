//! A whole model: prompt → text encoder → denoiser under a sampler → autoencoder → picture.

mod directory;
mod draw;
mod load;
mod parts;
mod pixels;
mod preview;
mod sources;
mod text;

use candle_core::Device;

use crate::models::unet::Unet;
use crate::models::vae::Vae;
use crate::schedulers::Schedule;
use preview::Colours;
use text::Texts;

/// A model, loaded.
pub struct Model {
    texts: Texts,
    unet: Unet,
    vae: Vae,
    schedule: Schedule,
    channels: usize,
    /// Pixels per latent, along each side.
    factor: usize,
    device: Device,
    /// How latents look, learnt from the autoencoder at the first preview.
    colours: Option<Colours>,
}

//! A whole model: prompt → text encoder → denoiser under a sampler → autoencoder → picture.

mod draw;
mod load;
mod pixels;
mod preview;
mod sources;

use candle_core::Device;

use crate::models::clip::TextEncoder;
use crate::models::unet::Unet;
use crate::models::vae::Vae;
use crate::schedulers::Schedule;
use crate::tokenizer::Tokenizer;
use preview::Colours;

/// A model directory, loaded.
pub struct Model {
    tokenizer: Tokenizer,
    text: TextEncoder,
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

//! A whole model: prompt → text encoder → denoiser under a sampler → autoencoder → picture.

mod adapt;
mod directory;
mod draw;
mod encoder;
pub mod eyes;
mod load;
mod mask;
pub mod memory;
mod parts;
mod pixels;
mod preview;
mod sources;
mod text;

use candle_core::Device;

use crate::adapters::Adapted;
use crate::models::unet::Unet;
use crate::models::vae::Vae;
use crate::schedulers::Schedule;
use adapt::Opened;
use eyes::Eyes;
pub use parts::{Family, Parts};
use preview::Colours;
use text::Texts;

/// A model, loaded.
pub struct Model {
    texts: Texts,
    unet: Adapted<Unet>,
    vae: Vae,
    schedule: Schedule,
    channels: usize,
    /// Pixels per latent, along each side.
    factor: usize,
    device: Device,
    /// Whether the denoiser is shown what is drawn anew.
    draws_parts: bool,
    /// Channels where the autoencoder's pictures are at their full size.
    widest: usize,
    /// Widths of what the denoiser's attentions look at.
    widths: Vec<usize>,
    opened: Opened,
    /// How latents look, learnt from the autoencoder at the first preview.
    colours: Option<Colours>,
    eyes: Eyes,
}

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
pub mod precision;
mod preview;
mod sources;
mod text;

use crate::adapters::Adapted;
use crate::device::Compute;
use crate::models::unet::Unet;
use crate::models::vae::Vae;
use crate::schedulers::Schedule;
use adapt::Opened;
use eyes::Eyes;
pub(crate) use load::draws_parts;
pub use load::{open, side};
pub use parts::{Family, Parts};
use preview::Colours;
use text::Texts;
pub(crate) use text::check_fit;

/// A model, loaded.
pub struct Model {
    texts: Texts,
    unet: Adapted<Unet>,
    vae: Vae,
    schedule: Schedule,
    channels: usize,
    /// Pixels per latent, along each side.
    factor: usize,
    on: Compute,
    /// Of a number in the autoencoder.
    vae_bytes: u64,
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

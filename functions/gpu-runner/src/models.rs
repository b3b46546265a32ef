//! The networks of a model directory, each in its own folder: configuration, then layers named as in the weights file.
//! `resnet` and `resample` are what the UNet and the autoencoder share.

pub mod clip;
pub mod config;
mod resample;
mod resnet;
pub mod safety;
pub mod unet;
pub mod vae;

//! Between what the autoencoder's halves speak of and what the denoiser works on, which has unit variance.

use candle_core::{Device, Result, Tensor};

use super::VaeConfig;

pub struct Scale {
    factor: f64,
    shift: f64,
    /// Of each channel, mean and deviation: (1, channels, 1, 1).
    channels: Option<(Tensor, Tensor)>,
}

impl Scale {
    /// Where the configuration has mean and deviation of each channel both count, and no shift does; one alone is
    /// nothing. As the reference's pipelines of SDXL have it.
    pub fn of(config: &VaeConfig, device: &Device) -> Result<Self> {
        let per_channel = |values: &[f64]| {
            let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            Tensor::from_slice(&values, (1, values.len(), 1, 1), device)
        };
        let channels = match (&config.latents_mean, &config.latents_std) {
            (Some(mean), Some(deviation)) => Some((per_channel(mean)?, per_channel(deviation)?)),
            _ => None,
        };
        Ok(Self { factor: config.scaling_factor, shift: config.shift_factor, channels })
    }

    /// The encoder's means (batch, channels, h, w) → for the denoiser.
    pub fn apply(&self, latents: &Tensor) -> Result<Tensor> {
        match &self.channels {
            Some((mean, deviation)) => (latents.broadcast_sub(&of_kind(mean, latents)?)? * self.factor)?
                .broadcast_div(&of_kind(deviation, latents)?),
            None => (latents - self.shift)? * self.factor,
        }
    }

    /// From the denoiser → for the decoder.
    pub fn undo(&self, latents: &Tensor) -> Result<Tensor> {
        match &self.channels {
            Some((mean, deviation)) => (latents.broadcast_mul(&of_kind(deviation, latents)?)? / self.factor)?
                .broadcast_add(&of_kind(mean, latents)?),
            None => (latents / self.factor)? + self.shift,
        }
    }
}

fn of_kind(values: &Tensor, latents: &Tensor) -> Result<Tensor> {
    values.to_dtype(latents.dtype())
}

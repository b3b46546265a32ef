//! Drawing a part of a picture anew, as the reference's `StableDiffusionInpaintPipeline` has it.
//!
//! A denoiser made for it is shown, beside the latents, what is drawn anew and the rest of the picture. Any other draws
//! as it does from a picture, and after each call what is kept is put back, under the noise of the next one (Lugmayr et
//! al. 2022, without resampling). Latents are drawn anew or kept as the first pixel of each is, which is how the
//! reference scales the mask down. Of the final picture what is kept are the picture's own pixels: see `Mask::join`.

use candle_core::{Device, Tensor};

use super::Model;
use super::pixels::from_rgb;
use crate::DrawError;
use crate::backend::{Mask, Rgb};
use crate::schedulers::Scheduler;

/// 1 where latents are drawn anew: (1, 1, h, w).
pub(super) struct Anew(Tensor);

impl Anew {
    /// `factor` pixels to a latent, along each side.
    pub fn of(mask: &Mask, factor: usize, device: &Device) -> Result<Self, DrawError> {
        let pixels = per_pixel(mask, device)?;
        let (_, _, height, width) = pixels.dims4()?;
        let first = |side: usize| Tensor::arange_step(0u32, side as u32, factor as u32, device);
        Ok(Self(pixels.index_select(&first(height)?, 2)?.index_select(&first(width)?, 3)?.contiguous()?))
    }

    /// `x` with what is kept of the picture as it is before call `i`, or at the end.
    pub fn keep(
        &self,
        x: &Tensor,
        start: &Tensor,
        unit: &Tensor,
        scheduler: &dyn Scheduler,
        i: usize,
    ) -> Result<Tensor, DrawError> {
        let end = i >= scheduler.timesteps().len();
        let kept = if end { start.clone() } else { scheduler.add_noise(start, unit, i)? };
        let rest = (1.0 - &self.0)?;
        Ok((x.broadcast_mul(&self.0)? + kept.broadcast_mul(&rest)?)?)
    }
}

impl Model {
    /// What a denoiser made for drawing parts anew is shown beside the latents: (1, 1 + channels, h, w). Where there is
    /// no mask, all is drawn anew.
    pub(super) fn beside(
        &self,
        picture: Option<(&Rgb, &Mask)>,
        [_, _, h, w]: [usize; 4],
    ) -> Result<Option<Tensor>, DrawError> {
        if !self.draws_parts {
            return Ok(None);
        }
        let (anew, rest) = match picture {
            Some((picture, mask)) => {
                let rest = (1.0 - per_pixel(mask, &self.on.device)?)?;
                let rest = from_rgb(picture, &self.on.device)?.broadcast_mul(&rest)?;
                (Anew::of(mask, self.factor, &self.on.device)?.0, rest)
            }
            None => {
                let of = |value: f32, shape: (usize, usize, usize, usize)| Tensor::full(value, shape, &self.on.device);
                (of(1.0, (1, 1, h, w))?, of(0.0, (1, 3, h * self.factor, w * self.factor))?)
            }
        };
        Ok(Some(Tensor::cat(&[anew, self.vae.encode(&rest)?], 1)?))
    }
}

/// 1 where pixels are drawn anew: (1, 1, height, width).
fn per_pixel(mask: &Mask, device: &Device) -> Result<Tensor, DrawError> {
    let (width, height) = mask.size();
    let values: Vec<f32> = mask.drawn().map(|drawn| if drawn { 1.0 } else { 0.0 }).collect();
    Ok(Tensor::from_vec(values, (1, 1, height as usize, width as usize), &Device::Cpu)?.to_device(device)?)
}

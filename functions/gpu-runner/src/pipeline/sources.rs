//! Drawing from pictures.
//!
//! With one it is SDEdit (Meng et al. 2021), as the reference's `StableDiffusionImg2ImgPipeline` has it: its latents
//! get the noise of a time on the way, and the run goes on from there. The reference samples those latents; here they
//! are the mean of what it samples from, so that the same seed draws the same noise with and without a picture. Of
//! several the first is drawn over and the others are seen: see `Sight`.

use candle_core::Tensor;

use super::Model;
use super::draw::Guidance;
use super::mask::Anew;
use super::pixels::from_rgb;
use crate::backend::DrawJob;
use crate::models::unet::{Features, Sight};
use crate::schedulers::Scheduler;
use crate::{Code, DrawError};

/// What a job draws from, as latents (1, channels, h, w).
#[derive(Default)]
pub(super) struct Sources {
    /// What is drawn over.
    pub start: Option<Tensor>,
    /// What is looked at.
    pub references: Vec<Tensor>,
    /// Which of it is drawn anew, where not all is and the denoiser does not see to it.
    pub anew: Option<Anew>,
    /// What the denoiser is shown beside the latents.
    pub beside: Option<Tensor>,
}

impl Sources {
    /// What goes into the denoiser for these latents.
    pub fn shown(&self, x: Tensor) -> candle_core::Result<Tensor> {
        match &self.beside {
            Some(beside) => Tensor::cat(&[&x, beside], 1),
            None => Ok(x),
        }
    }
}

impl Model {
    /// Shows the references to the denoiser, one by one, under the prompt and as much of the picture's own noise as the
    /// picture has at this call.
    pub(super) fn look(
        &self,
        sources: &Sources,
        unit: &Tensor,
        scheduler: &dyn Scheduler,
        (i, time): (usize, f64),
        guidance: &Guidance,
    ) -> Result<Features, DrawError> {
        let mut features = Features::default();
        let prompt = guidance.prompts.narrow(guidance.prompts.text.dim(0)? - 1, 1)?;
        let time = Tensor::new(&[time as f32], &self.on.device)?;
        for reference in &sources.references {
            let noised = scheduler.scale_input(&scheduler.add_noise(reference, unit, i)?, i)?;
            self.unet.forward_with(&sources.shown(noised)?, &time, &prompt, Sight::noting(&mut features))?;
        }
        Ok(features)
    }

    pub(super) fn sources(&self, job: &DrawJob) -> Result<Sources, DrawError> {
        if job.from.is_empty() && self.texts.refines() {
            return Err(DrawError::new(
                Code::RequestInvalid,
                "this model refines pictures: it draws none from text alone",
            ));
        }
        if job.from.is_empty() && !self.draws_parts {
            return Ok(Sources::default());
        }
        if !self.vae.encodes() {
            return Err(DrawError::new(
                Code::EncoderMissing,
                "pictures to start from, and an autoencoder without one half",
            ));
        }
        let mut latents = job
            .from
            .iter()
            .map(|rgb| Ok(self.vae.encode(&from_rgb(rgb, &self.on.device)?)?))
            .collect::<Result<Vec<_>, DrawError>>()?
            .into_iter();
        let anew = match &job.mask {
            Some(mask) if !self.draws_parts => Some(Anew::of(mask, self.factor, &self.on.device)?),
            _ => None,
        };
        let beside = self.beside(job.from.first().zip(job.mask.as_ref()), self.latent_shape(job)?)?;
        Ok(Sources { start: latents.next(), references: latents.collect(), anew, beside })
    }
}

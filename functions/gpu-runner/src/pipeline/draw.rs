//! One job on a loaded model.
//!
//! Pictures are drawn one after the other. Kernels may sum in another order when the batch grows, and a picture must
//! not depend on its neighbours; the two halves of guidance are a batch already.

use candle_core::{DType, Device, Tensor};

use super::Model;
use super::pixels::to_rgb;
use super::preview::Colours;
use super::sources::Sources;
use crate::backend::{Control, DrawJob, Latents, Picture, Progress, Rgb};
use crate::models::unet::{Conditioning, Features, Sight};
use crate::noise::Noise;
use crate::schedulers::Sampler;
use crate::{Code, DrawError};

/// The prompt's vectors, and how far to go from those of the negative one.
pub(super) struct Guidance {
    /// Of the prompt, or of two with the negative one first.
    pub(super) prompts: Conditioning,
    scale: Option<f64>,
}

impl Model {
    pub fn draw(
        &mut self,
        job: &DrawJob,
        sampler: Sampler,
        events: &mut dyn FnMut(Progress) -> Control,
    ) -> Result<Vec<Picture>, DrawError> {
        let shape = self.latent_shape(job)?;
        let pictures = job.params.n as usize;
        self.adapt(job)?;
        let sources = self.sources(job)?;
        let guidance = self.guidance(job)?;
        (0..pictures)
            .map(|picture| {
                let seed = u64::from(job.params.seed) + picture as u64;
                let mut noise = Noise::new(seed);
                let unit = match &job.init_latents {
                    Some(given) => given_noise(given, shape, picture, pictures)?.to_device(&self.on.device)?,
                    None => noise.tensor(&shape, DType::F32, &self.on.device)?,
                };
                let mut report =
                    |step, steps, preview| match events(Progress { picture, pictures, step, steps, preview }) {
                        Control::Continue => Ok(()),
                        Control::Cancel => Err(DrawError::new(Code::Canceled, "stopped as asked")),
                    };
                let latents = self.denoise(job, sampler, (&sources, &guidance), &unit, &mut noise, &mut report)?;
                let values = latents.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
                if values.iter().any(|v| !v.is_finite()) {
                    let narrow = self.on.dtype == DType::F16;
                    let hint = if narrow { " in f16: bf16 and f32 reach further" } else { "" };
                    let message = format!("the model gives values that are not finite{hint}");
                    return Err(DrawError::new(Code::WeightsInvalid, message));
                }
                let rgb = match (job.from.first(), &job.mask) {
                    // Nothing was drawn: not even the autoencoder's losses are added.
                    (Some(start), _) if job.steps() == 0 => start.clone(),
                    (Some(start), Some(mask)) => mask.join(start, &to_rgb(&self.vae.decode(&latents)?)?),
                    _ => to_rgb(&self.vae.decode(&latents)?)?,
                };
                let sight = self.eyes.look(&rgb, &self.on.device)?;
                Ok(Picture { seed, rgb, latents: job.keep_latents.then_some(Latents { shape, values }), sight })
            })
            .collect()
    }

    fn denoise(
        &mut self,
        job: &DrawJob,
        sampler: Sampler,
        (sources, guidance): (&Sources, &Guidance),
        unit: &Tensor,
        noise: &mut Noise,
        report: &mut dyn FnMut(usize, usize, Option<Rgb>) -> Result<(), DrawError>,
    ) -> Result<Tensor, DrawError> {
        let all = job.params.num_inference_steps as usize;
        let mut scheduler = sampler.start(&self.schedule, all)?;
        let times = scheduler.timesteps().to_vec();
        // As the reference counts: what is skipped are calls, also where a sampler makes more of them than steps.
        let begin = if job.steps() == 0 { times.len() } else { all - job.steps() };
        let steps = times.len() - begin;
        let mut x = match &sources.start {
            Some(start) if steps == 0 => start.clone(),
            // As the reference has it: what is drawn anew, and wholly so, begins at noise alone.
            Some(_) if job.mask.is_some() && job.strength() == Some(1.0) => (unit * scheduler.initial_sigma())?,
            Some(start) => scheduler.add_noise(start, unit, begin)?,
            None => (unit * scheduler.initial_sigma())?,
        };
        report(0, steps, None)?;
        for (i, &time) in times.iter().enumerate().skip(begin) {
            let seen = self.look(sources, unit, &*scheduler, (i, time), guidance)?;
            let shown = sources.shown(scheduler.scale_input(&x, i)?)?;
            let out = self.predict(&shown, time, guidance, &seen)?;
            x = scheduler.step(&out, i, &x, noise)?;
            if let (Some(anew), Some(start)) = (&sources.anew, &sources.start) {
                x = anew.keep(&x, start, unit, &*scheduler, i + 1)?;
            }
            let step = i + 1 - begin;
            let wanted = job.preview_every != 0 && step.is_multiple_of(job.preview_every) && step < steps;
            // As the next call will see it: x itself may be of any size.
            let preview = if wanted { Some(self.preview(&scheduler.scale_input(&x, i + 1)?)?) } else { None };
            report(step, steps, preview)?;
        }
        Ok(x)
    }

    /// The denoiser's output, guided away from the negative prompt (Ho and Salimans 2022).
    fn predict(&self, x: &Tensor, time: f64, guidance: &Guidance, seen: &Features) -> Result<Tensor, DrawError> {
        let Some(scale) = guidance.scale else {
            let time = Tensor::new(&[time as f32], &self.on.device)?;
            return Ok(self.unet.forward_with(x, &time, &guidance.prompts, Sight::beside(seen))?);
        };
        let times = Tensor::new(&[time as f32, time as f32], &self.on.device)?;
        let both = Tensor::cat(&[x, x], 0)?;
        let both = self.unet.forward_with(&both, &times, &guidance.prompts, Sight::beside(seen))?;
        let (negative, positive) = (both.narrow(0, 0, 1)?, both.narrow(0, 1, 1)?);
        Ok((&negative + ((positive - &negative)? * scale)?)?)
    }

    fn guidance(&mut self, job: &DrawJob) -> Result<Guidance, DrawError> {
        let p = &job.params;
        // As the reference has it: at 1 the negative prompt has no part in the result and is not computed.
        let scale = (p.guidance_scale > 1.0).then_some(p.guidance_scale);
        let negative = scale.map(|_| p.negative_prompt.as_str());
        let prompts = self.texts.conditioning(&p.prompt, negative, (p.height, p.width), &self.on.device)?;
        Ok(Guidance { prompts, scale })
    }

    pub(super) fn latent_shape(&self, job: &DrawJob) -> Result<[usize; 4], DrawError> {
        let (width, height) = (job.params.width as usize, job.params.height as usize);
        for (name, side) in [("width", width), ("height", height)] {
            if side == 0 || !side.is_multiple_of(self.factor) {
                let message = format!("{name} {side}: this model draws multiples of {}", self.factor);
                return Err(DrawError::new(Code::RequestInvalid, message));
            }
        }
        Ok([1, self.channels, height / self.factor, width / self.factor])
    }

    fn preview(&mut self, latents: &Tensor) -> Result<Rgb, DrawError> {
        let colours = match &self.colours {
            Some(colours) => colours,
            None => self.colours.insert(Colours::fit(&self.vae, self.channels, &self.on.device)?),
        };
        to_rgb(&colours.apply(latents)?)
    }
}

/// Picture `index` of the noise that came with the job.
fn given_noise(given: &Latents, shape: [usize; 4], index: usize, pictures: usize) -> Result<Tensor, DrawError> {
    let expected = [pictures, shape[1], shape[2], shape[3]];
    let size: usize = shape.iter().product();
    let values = given.values.get(index * size..(index + 1) * size);
    match values {
        Some(values) if given.shape == expected && values.iter().all(|v| v.is_finite()) => {
            Ok(Tensor::from_slice(values, &shape, &Device::Cpu)?)
        }
        _ => {
            let message = format!("init latents of shape {:?}, wanted are finite ones of {expected:?}", given.shape);
            Err(DrawError::new(Code::RequestInvalid, message))
        }
    }
}

//! A diffusion model that learns: a batch of examples, their latents under noise, and how far the denoiser's answer is
//! from what it should be.

use std::sync::{Mutex, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};

use super::backward::backward;
use super::course::Learner;
use super::data::Batches;
use super::draws::{Draws, Purpose, Seeded};
use super::latents::Encoded;
use super::networks::Networks;
use super::parameters::Parameters;
use super::plan::Plan;
use super::texts::TEXTS;
use crate::models::unet::Sight;
use crate::pipeline::Parts;
use crate::train::Examples;
use crate::{Code, DrawError};

pub struct Diffusion<'a> {
    plan: &'a Plan,
    networks: Networks,
    parameters: Parameters,
    examples: &'a dyn Examples,
    batches: Mutex<Batches>,
    encoded: Encoded,
    draws: Box<dyn Draws + 'a>,
    device: Device,
}

impl<'a> Diffusion<'a> {
    /// Errors: those of loading a model; `plan_invalid` for examples that it can't learn.
    pub fn new(
        plan: &'a Plan,
        parts: &dyn Parts,
        examples: &'a dyn Examples,
        device: &Device,
    ) -> Result<Self, DrawError> {
        plan.check()?;
        if examples.is_empty() {
            return Err(DrawError::new(Code::DatasetEmpty, "there is nothing to learn from"));
        }
        let parameters = Parameters::default();
        let networks = Networks::load(parts, plan, &parameters, device)?;
        (0..examples.len()).try_for_each(|index| networks.takes(examples.size(index)))?;
        Ok(Self {
            plan,
            networks,
            parameters,
            examples,
            batches: Mutex::new(Batches::of(examples, plan.batch, plan.seed)),
            encoded: Encoded::new(plan.latents),
            draws: Box::new(Seeded { seed: plan.seed, times: plan.times }),
            device: device.clone(),
        })
    }

    /// With other random choices than those of the plan's seed.
    pub fn with_draws(self, draws: impl Draws + 'a) -> Self {
        Self { draws: Box::new(draws), ..self }
    }

    /// Of a step; its gradients are known to it.
    pub fn loss(&self, step: usize) -> Result<Tensor, DrawError> {
        let members = self.batches.lock().unwrap_or_else(PoisonError::into_inner).at(step as u64).to_vec();
        let (mut latents, mut noise, mut captions) = (Vec::new(), Vec::new(), Vec::new());
        let (mut times, mut weights) = (Vec::new(), Vec::new());
        for (place, index) in members.iter().enumerate() {
            let example = || self.examples.get(*index);
            let (moments, caption) = self.encoded.get(*index, &self.networks.vae, example, &self.device)?;
            let sample = self.sample(&moments, step, place)?;
            noise.push(self.normals(Purpose::Noise, step, place, &sample)?);
            latents.push(sample);
            times.push(self.draws.time(step, place, self.networks.objective.times()));
            let shown = self.draws.chance(step, place) > self.plan.caption_dropout;
            captions.push(shown.then_some(caption));
            weights.push(if self.examples.keeps(*index) { self.plan.prior_weight } else { 1.0 });
        }
        let latents = self.networks.vae.scaled(&Tensor::cat(&latents, 0)?.to_device(&self.device)?)?;
        let noise = Tensor::cat(&noise, 0)?.to_device(&self.device)?;
        let (_, _, h, w) = latents.dims4()?;
        let size = (h * self.networks.factor, w * self.networks.factor);
        let captions: Vec<Option<&str>> = captions.iter().map(Option::as_deref).collect();
        let given = self.networks.texts.conditioning(&captions, size, &self.device)?;
        let objective = &self.networks.objective;
        let shown = objective.noised(&latents, &noise, &times)?;
        let at: Vec<f32> = times.iter().map(|time| *time as f32).collect();
        let at = Tensor::new(at, &Device::Cpu)?.to_device(&self.device)?;
        let answers = self.networks.unet.forward_with(&shown, &at, &given, Sight::Alone)?;
        Ok(objective.loss(&answers, &objective.target(&latents, &noise, &times)?, &times, &weights)?)
    }

    /// One of the latents (1, channels, h, w) that the moments allow, not scaled.
    fn sample(&self, moments: &Tensor, step: usize, place: usize) -> candle_core::Result<Tensor> {
        let [mean, spread] = moments.chunk(2, 1)?.try_into().map_err(|_| candle_core::Error::Msg("moments".into()))?;
        // The reference's bounds.
        let deviation = (spread.clamp(-30f32, 20f32)? * 0.5)?.exp()?;
        &mean + (deviation * self.normals(Purpose::Latents, step, place, &mean)?)?
    }

    fn normals(&self, purpose: Purpose, step: usize, place: usize, like: &Tensor) -> candle_core::Result<Tensor> {
        let values = self.draws.normals(purpose, step, place, like.elem_count());
        Tensor::from_vec(values, like.shape(), &Device::Cpu)
    }
}

impl Learner for Diffusion<'_> {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn learn(&self, step: usize) -> Result<(f64, GradStore), DrawError> {
        backward(self.loss(step)?)
    }

    fn share(&self, name: &str) -> f64 {
        if name.starts_with(TEXTS) { self.plan.text_rate } else { 1.0 }
    }
}

//! What the denoiser is taught: to undo the noise of the model's own schedule (Ho et al. 2020; Salimans and Ho 2022).

use candle_core::{DType, Device, Result, Tensor};

use super::plan::Weighting;
use crate::DrawError;
use crate::schedulers::{Prediction, Schedule};

pub struct Objective {
    /// ᾱ of every training time.
    alphas: Vec<f64>,
    prediction: Prediction,
    weighting: Weighting,
}

impl Objective {
    pub fn new(schedule: &Schedule, weighting: Weighting) -> std::result::Result<Self, DrawError> {
        let (alphas, prediction) = schedule.process()?;
        Ok(Self { alphas, prediction, weighting })
    }

    /// How many training times there are.
    pub fn times(&self) -> usize {
        self.alphas.len()
    }

    /// What the denoiser is shown: latents and noise (batch, …), each mixed by its time.
    pub fn noised(&self, latents: &Tensor, noise: &Tensor, times: &[usize]) -> Result<Tensor> {
        self.mix(latents, noise, times)
    }

    /// What it is to answer.
    pub fn target(&self, latents: &Tensor, noise: &Tensor, times: &[usize]) -> Result<Tensor> {
        match self.prediction {
            Prediction::Epsilon => Ok(noise.clone()),
            Prediction::Sample => Ok(latents.clone()),
            Prediction::VPrediction => self.mix(noise, &latents.neg()?, times),
        }
    }

    /// √ᾱ · a + √(1 − ᾱ) · b
    fn mix(&self, a: &Tensor, b: &Tensor, times: &[usize]) -> Result<Tensor> {
        let of = |share: &dyn Fn(f64) -> f64| -> Result<Tensor> {
            let values = times.iter().map(|time| Ok(share(self.alpha(*time)?).sqrt() as f32));
            let mut shape = vec![1; a.rank()];
            shape[0] = times.len();
            Tensor::from_vec(values.collect::<Result<Vec<f32>>>()?, shape, a.device())
        };
        a.broadcast_mul(&of(&|alpha| alpha)?)? + b.broadcast_mul(&of(&|alpha| 1.0 - alpha)?)?
    }

    /// Mean of the squared differences of each example, times its weight and that of its time; the mean of these.
    /// `answers` and `target` (batch, …).
    pub fn loss(&self, answers: &Tensor, target: &Tensor, times: &[usize], weights: &[f64]) -> Result<Tensor> {
        let each = (answers - target)?.sqr()?.flatten_from(1)?.mean(1)?;
        let weights = times.iter().zip(weights).map(|(time, weight)| Ok((self.weight(*time)? * weight) as f32));
        let weights = Tensor::new(weights.collect::<Result<Vec<f32>>>()?, &Device::Cpu)?.to_device(each.device())?;
        (each * weights.to_dtype(DType::F32)?)?.mean_all()
    }

    fn weight(&self, time: usize) -> Result<f64> {
        let alpha = self.alpha(time)?;
        Ok(match self.weighting {
            Weighting::Plain => 1.0,
            Weighting::Noise => 1.0 - alpha,
            Weighting::MinSnr(gamma) => {
                let ratio = alpha / (1.0 - alpha);
                match self.prediction {
                    // No schedule for noise ends at a ratio of 0.
                    Prediction::Epsilon => ratio.min(gamma) / ratio,
                    Prediction::VPrediction => ratio.min(gamma) / (ratio + 1.0),
                    Prediction::Sample => ratio.min(gamma),
                }
            }
        })
    }

    fn alpha(&self, time: usize) -> Result<f64> {
        match self.alphas.get(time) {
            Some(alpha) => Ok(*alpha),
            None => candle_core::bail!("time {time} of {}", self.alphas.len()),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn objective(prediction: &str, zero_snr: bool, weighting: Weighting) -> Objective {
        let config = json!({"prediction_type": prediction, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
            "beta_end": 0.012, "rescale_betas_zero_snr": zero_snr});
        Objective::new(&Schedule::checked(&from_value(config).unwrap()).unwrap(), weighting).unwrap()
    }

    fn first(tensor: Tensor) -> f32 {
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]
    }

    /// At the end of a rescaled schedule there is nothing but noise to see, and nothing but the picture to predict.
    #[test]
    fn v_goes_from_noise_to_picture() {
        let objective = objective("v_prediction", true, Weighting::Plain);
        let (two, five) =
            (Tensor::new(&[[2f32]], &Device::Cpu).unwrap(), Tensor::new(&[[5f32]], &Device::Cpu).unwrap());
        let last = objective.times() - 1;
        assert_eq!(first(objective.noised(&two, &five, &[last]).unwrap()), 5.0);
        assert_eq!(first(objective.target(&two, &five, &[last]).unwrap()), -2.0);
        // √(1 − 0.00085) and √0.00085.
        let (picture, noise) = (0.999_575, 0.029_155);
        assert!((first(objective.noised(&two, &five, &[0]).unwrap()) - (2.0 * picture + 5.0 * noise)).abs() < 1e-4);
        assert!((first(objective.target(&two, &five, &[0]).unwrap()) - (5.0 * picture - 2.0 * noise)).abs() < 1e-4);
        assert!(objective.noised(&two, &five, &[last + 1]).is_err());
    }

    /// By hand: the ratio at time 0 is 0.99915 / 0.00085, about 1175.5.
    #[test]
    fn times_count_as_the_plan_says() {
        let weight = |prediction, weighting, time| objective(prediction, false, weighting).weight(time).unwrap();
        let near = |seen: f64, expected: f64| assert!((seen / expected - 1.0).abs() < 1e-3, "{seen} {expected}");
        near(weight("epsilon", Weighting::Plain, 0), 1.0);
        near(weight("epsilon", Weighting::Noise, 0), 0.00085);
        near(weight("epsilon", Weighting::MinSnr(5.0), 0), 5.0 / 1175.47);
        near(weight("v_prediction", Weighting::MinSnr(5.0), 0), 5.0 / 1176.47);
        near(weight("sample", Weighting::MinSnr(5.0), 0), 5.0);
        // Below the bound noise counts as it is.
        near(weight("epsilon", Weighting::MinSnr(5.0), 999), 1.0);
        assert_eq!(objective("v_prediction", true, Weighting::MinSnr(5.0)).weight(999).unwrap(), 0.0);
    }

    #[test]
    fn examples_count_by_their_weights() {
        let objective = objective("epsilon", false, Weighting::Plain);
        let answers = Tensor::new(&[[1f32, 3.0], [0.0, 2.0]], &Device::Cpu).unwrap();
        let loss = objective.loss(&answers, &answers.zeros_like().unwrap(), &[0, 9], &[1.0, 0.5]).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), (5.0 + 0.5 * 2.0) / 2.0);
    }
}

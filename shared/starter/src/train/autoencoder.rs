//! The autoencoder's lessons: to give each picture back through few numbers; and then, when these numbers stay as they
//! are, the decoder's to give it back more sharply, and from numbers that are a little off, as a denoiser's are.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor};
use gpu_runner::DrawError;
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::tiny::RandomWeights;
use gpu_runner::train::{Draws, Examples, Learner, Parameters, Purpose, Seeded, Times};

use crate::data::World;

/// How much edges count beside colours: shapes are in them.
const EDGES: f64 = 0.5;
/// How much it counts that latents are normal, per number of a latent (Kingma and Welling 2013). Little: they are
/// whitened.
const NORMAL: f64 = 1e-5;

/// How far off latents are, of variance 1, that the decoder learns from alone.
const OFF: f64 = 0.05;

pub struct Lesson {
    vae: Vae,
    /// Whether latents stay as they are.
    settled: bool,
    parameters: Parameters,
    world: World,
    batch: usize,
    draws: Seeded,
}

impl Lesson {
    pub fn new(config: &VaeConfig, world: World, batch: usize, seed: u64) -> Result<Self> {
        let parameters = Parameters::default();
        let vb = parameters.builder("vae", Box::new(RandomWeights::new(seed)), |_| true, &Device::Cpu);
        let vae = Vae::load(config, vb)?;
        Ok(Self { vae, settled: false, parameters, world, batch, draws: Seeded { seed, times: Times::Uniform } })
    }

    /// Of the decoder alone, behind an encoder that is done.
    pub fn of_decoder(
        config: &VaeConfig,
        begun: HashMap<String, Tensor>,
        world: World,
        batch: usize,
        seed: u64,
    ) -> Result<Self> {
        let parameters = Parameters::default();
        let learns = |name: &str| name.starts_with("decoder.") || name.starts_with("post_quant_conv.");
        let vb = parameters.builder("vae", Box::new(begun), learns, &Device::Cpu);
        let vae = Vae::load(config, vb)?;
        Ok(Self { vae, settled: true, parameters, world, batch, draws: Seeded { seed, times: Times::Uniform } })
    }

    fn loss(&self, step: usize) -> std::result::Result<Tensor, DrawError> {
        let pictures = pictures(&self.world, (0..self.batch).map(|place| step * self.batch + place))?;
        let moments = self.vae.moments(&pictures)?;
        let half = moments.dim(1)? / 2;
        let (mean, spread) = (moments.narrow(1, 0, half)?, moments.narrow(1, half, half)?.clamp(-30f32, 20f32)?);
        let noise = self.draws.normals(Purpose::Latents, step, 0, mean.elem_count());
        let noise = Tensor::from_vec(noise, mean.shape(), &Device::Cpu)?;
        let deviation = if self.settled { spread.zeros_like()?.affine(0.0, OFF)? } else { (&spread * 0.5)?.exp()? };
        let latents = (&mean + deviation * noise)?;
        let difference = (self.vae.decode_unscaled(&latents)? - &pictures)?;
        let colours = (difference.abs()?.mean_all()? + difference.sqr()?.mean_all()?)?;
        let edges = (slope(&difference, 2)? + slope(&difference, 3)?)?;
        let told = (colours + (edges * EDGES)?)?;
        if self.settled {
            return Ok(told);
        }
        let normal = ((mean.sqr()? + spread.exp()?)? - spread)?.mean_all()?;
        Ok((told + (normal * NORMAL)?)?)
    }
}

impl Learner for Lesson {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn learn(&self, step: usize) -> std::result::Result<(f64, GradStore), DrawError> {
        let loss = self.loss(step)?;
        Ok((f64::from(loss.to_scalar::<f32>()?), loss.backward()?))
    }
}

/// (count, 3, side, side), −1 to 1.
pub fn pictures(world: &World, which: impl Iterator<Item = usize>) -> std::result::Result<Tensor, DrawError> {
    let tensors = which.map(|index| {
        let example = world.get(index % world.len())?;
        Ok(Tensor::from_vec(example.pixels, (1, 3, example.height, example.width), &Device::Cpu)?)
    });
    Ok(Tensor::cat(&tensors.collect::<std::result::Result<Vec<_>, DrawError>>()?, 0)?)
}

/// Mean of the absolute differences between neighbours.
fn slope(x: &Tensor, dim: usize) -> Result<Tensor> {
    let last = x.dim(dim)? - 1;
    (x.narrow(dim, 1, last)? - x.narrow(dim, 0, last)?)?.abs()?.mean_all()
}

//! The autoencoder's lesson: to give each picture back through few numbers.

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor};
use gpu_runner::DrawError;
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::tiny::RandomWeights;
use gpu_runner::train::{Draws, Examples, Learner, Parameters, Purpose, Seeded, Times};

use crate::data::World;

/// How much edges count beside colours: shapes are in them.
const EDGES: f64 = 0.5;
/// How much it counts that latents are normal, per number of a latent (Kingma and Welling 2013). Little: they are whitened.
const NORMAL: f64 = 1e-5;

pub struct Lesson {
    vae: Vae,
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
        Ok(Self { vae, parameters, world, batch, draws: Seeded { seed, times: Times::Uniform } })
    }

    fn loss(&self, step: usize) -> std::result::Result<Tensor, DrawError> {
        let pictures = pictures(&self.world, (0..self.batch).map(|place| step * self.batch + place))?;
        let moments = self.vae.moments(&pictures)?;
        let half = moments.dim(1)? / 2;
        let (mean, spread) = (moments.narrow(1, 0, half)?, moments.narrow(1, half, half)?.clamp(-30f32, 20f32)?);
        let noise = self.draws.normals(Purpose::Latents, step, 0, mean.elem_count());
        let noise = Tensor::from_vec(noise, mean.shape(), &Device::Cpu)?;
        let latents = (&mean + (&spread * 0.5)?.exp()? * noise)?;
        let difference = (self.vae.decode_unscaled(&latents)? - &pictures)?;
        let colours = (difference.abs()?.mean_all()? + difference.sqr()?.mean_all()?)?;
        let edges = (slope(&difference, 2)? + slope(&difference, 3)?)?;
        let normal = ((mean.sqr()? + spread.exp()?)? - spread)?.mean_all()?;
        Ok((colours + ((edges * EDGES)? + (normal * NORMAL)?)?)?)
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

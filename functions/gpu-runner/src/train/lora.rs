//! Low-rank paths beside the layers of a network, made of parameters.

use candle_core::{Device, Result, Tensor};

use super::draws::joined;
use super::parameters::Parameters;
use crate::nn::Visit;
use crate::noise::Noise;
use crate::weights::Source;

/// How a parameter's name ends.
pub const DOWN: &str = ".down";
pub const UP: &str = ".up";

/// What the paths are like.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    pub rank: usize,
    /// alpha / rank
    pub scale: f64,
    pub seed: u64,
}

impl Paths {
    /// Beside the wanted ones of the layers that `network` shows; `source` is what it was built of. The parameters are
    /// called `{part}/{layer}.down` and `.up`, by the layer's name in the model's files.
    pub fn attach(
        &self,
        part: &str,
        network: impl FnOnce(&mut Visit) -> Result<()>,
        source: &Source,
        wanted: impl Fn(&str) -> bool,
        (parameters, device): (&Parameters, &Device),
    ) -> Result<()> {
        network(&mut |name, layer| {
            if !wanted(name) {
                return Ok(());
            }
            let names = [name.to_string(), format!("text_model.{name}")];
            let found = names.iter().find_map(|name| Some((name, source.shape(&format!("{name}.weight"))?)));
            let Some((name, shape)) = found else { candle_core::bail!("{part}: {name} has no weight") };
            let (outputs, rest) = match shape.dims() {
                [outputs, rest @ ..] if !rest.is_empty() => (*outputs, rest.to_vec()),
                other => candle_core::bail!("{part}: {name} has a weight of {other:?}"),
            };
            let pixels = vec![1; rest.len() - 1];
            let down = self.uniform(&format!("{part}/{name}"), &[&[self.rank][..], &rest].concat())?;
            let up = Tensor::zeros([&[outputs, self.rank][..], &pixels].concat(), down.dtype(), &Device::Cpu)?;
            let down = parameters.make(&format!("{part}/{name}{DOWN}"), &down.to_device(device)?)?;
            let up = parameters.make(&format!("{part}/{name}{UP}"), &up.to_device(device)?)?;
            layer.set_side(&down, &up, self.scale)
        })
    }

    /// As the original begins, by He et al. (2015) with a = √5: up to 1 / √inputs either way.
    fn uniform(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let letters: Vec<u64> = std::iter::once(self.seed).chain(name.bytes().map(u64::from)).collect();
        let mut noise = Noise::new(joined(&letters));
        let bound = (shape.iter().skip(1).product::<usize>() as f64).sqrt().recip();
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| ((2.0 * noise.uniform() - 1.0) * bound) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
    }
}

/// Whether a layer of the denoiser is changed: those of the transformers, and all others between its ends where
/// `convolutions` says so, as kohya's scripts have it.
pub fn of_unet(name: &str, convolutions: bool) -> bool {
    let between = [".resnets.", ".downsamplers.", ".upsamplers."];
    name.contains(".attentions.") || convolutions && between.iter().any(|part| name.contains(part))
}

/// Whether a layer of a text encoder is.
pub fn of_text(name: &str) -> bool {
    name.contains(".self_attn.") || name.contains(".mlp.")
}

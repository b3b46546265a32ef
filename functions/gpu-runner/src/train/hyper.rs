//! A hypernetwork made of parameters, which begins as the web UI's do: weights of deviation 0.01, biases of 0.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::Linear;

use super::draws::joined;
use super::parameters::Parameters;
use super::plan::Chain;
use crate::adapters::hypernetwork::NORM_EPS;
use crate::models::unet::{Bend, Hypernetwork, Hypernetworks, Step, Unet, UnetConfig};
use crate::nn::LayerNorm;
use crate::noise::Noise;

const DEVIATION: f64 = 0.01;

/// Bends all that the denoiser's attentions look at. The parameters are called as in the web UI's files.
pub fn attach(
    chain: &Chain,
    seed: u64,
    unet: &mut Unet,
    config: &UnetConfig,
    made: (&Parameters, &Device),
) -> Result<()> {
    let mut pairs = HashMap::new();
    for width in widths(config) {
        let steps = |side| steps(chain, (width, side), seed, made);
        pairs.insert(width, [steps(0)?, steps(1)?]);
    }
    let all: Hypernetworks = Arc::new([(Arc::new(Hypernetwork { pairs }), 1.0)]);
    unet.bend(&all);
    Ok(())
}

/// Of pixels where there is attention among them, and of the text.
pub(super) fn widths(config: &UnetConfig) -> BTreeSet<usize> {
    let levels = config.down.len();
    let mut widths = BTreeSet::new();
    for (i, level) in config.down.iter().enumerate() {
        let above = config.up_attends.get(levels - 1 - i).copied().unwrap_or(false);
        // The middle attends always.
        if level.attends || above || i + 1 == levels {
            widths.extend([level.channels, level.context]);
        }
    }
    widths
}

/// Linear, activation and norm, again and again.
fn steps(
    chain: &Chain,
    (width, side): (usize, usize),
    seed: u64,
    (parameters, device): (&Parameters, &Device),
) -> Result<Vec<Step>> {
    let bend = Bend::named(&chain.activation).flatten();
    let sizes: Vec<usize> = chain.layers.iter().map(|part| ((width as f64 * part) as usize).max(1)).collect();
    let make = |number: usize, shape: &[usize]| -> Result<(Tensor, Tensor)> {
        let name = format!("{width}.{side}.linear.{number}");
        let mut noise = Noise::new(joined(&[seed, width as u64, side as u64, number as u64]));
        let weight = (noise.tensor(shape, DType::F32, device)? * DEVIATION)?;
        let bias = Tensor::zeros(shape.first().copied().unwrap_or(0), DType::F32, device)?;
        Ok((parameters.make(&format!("{name}.weight"), &weight)?, parameters.make(&format!("{name}.bias"), &bias)?))
    };
    // Activations have numbers too.
    let mut steps = Vec::new();
    for (i, pair) in sizes.windows(2).enumerate() {
        let [inputs, outputs] = *pair else { continue };
        let (weight, bias) = make(steps.len(), &[outputs, inputs])?;
        steps.push(Step::Linear(Linear::new(weight, Some(bias))));
        let last = i + 2 == sizes.len();
        steps.extend(bend.filter(|_| !last || chain.activate_output).map(Step::Bend));
        if chain.norm {
            let (weight, bias) = make(steps.len(), &[outputs])?;
            steps.push(Step::Norm(LayerNorm::new(weight, bias, NORM_EPS)));
        }
    }
    Ok(steps)
}

//! Hypernetworks from safetensors. AUTOMATIC1111's web UI keeps them as PyTorch files, which are not read here; a file
//! of the same content has its dictionary's keys with dots between them:
//!
//! - `{width}.{0 for keys, 1 for values}.linear.{i}.weight` and `.bias`: a linear layer where the weight has two
//!   dimensions, a layer norm where it has one; `i` counts as in the original, where activations and dropouts have
//!   numbers too.
//! - Metadata: `activation_func` (`linear` where there is none), `activate_output` (`true` where there is none).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::Device;
use candle_nn::Linear;

use super::file::{invalid, load, mismatch, open, unsupported};
use crate::DrawError;
use crate::models::unet::{Bend, Hypernetwork, Step};
use crate::nn::LayerNorm;
use crate::weights::Weights;

/// The original's layer norms have PyTorch's.
pub const NORM_EPS: f64 = 1e-5;

/// Names of the tensors of a chain's layers, by their numbers.
type Chain = BTreeMap<usize, Layer>;

#[derive(Default)]
struct Layer {
    weight: Option<String>,
    bias: Option<String>,
}

/// `widths` are those that the model has anything for.
pub fn read(path: &Path, widths: &[usize], device: &Device) -> Result<Hypernetwork, DrawError> {
    let file = open(path)?;
    let (bend, at_the_end) = activation(&file)?;
    let mut found: BTreeMap<usize, [Chain; 2]> = BTreeMap::new();
    for name in file.names() {
        let Some((width, side, number, is_weight)) = place(name) else {
            return Err(mismatch(format!("{name} is no name of a hypernetwork's tensor")));
        };
        let layer = found.entry(width).or_default()[side].entry(number).or_default();
        let place = if is_weight { &mut layer.weight } else { &mut layer.bias };
        *place = Some(name.to_string());
    }
    if !found.keys().any(|width| widths.contains(width)) {
        let has: Vec<usize> = found.into_keys().collect();
        return Err(mismatch(format!("it is for widths {has:?}, the model has {widths:?}")));
    }
    let mut pairs = HashMap::new();
    // What is there for widths of other models costs no memory.
    for (width, chains) in found.into_iter().filter(|(width, _)| widths.contains(width)) {
        let [keys, values] = chains.map(|chain| steps(&file, width, chain, bend, at_the_end, device));
        pairs.insert(width, [keys?, values?]);
    }
    Ok(Hypernetwork { pairs })
}

/// Width, side, number of the layer, and whether it is its weight.
fn place(name: &str) -> Option<(usize, usize, usize, bool)> {
    let mut words = name.split('.');
    let (width, side) = (words.next()?.parse().ok()?, words.next()?);
    if words.next()? != "linear" {
        return None;
    }
    let number = words.next()?.parse().ok()?;
    let is_weight = match (words.next()?, words.next()) {
        ("weight", None) => true,
        ("bias", None) => false,
        _ => return None,
    };
    let side = match side {
        "0" => 0,
        "1" => 1,
        _ => return None,
    };
    Some((width, side, number, is_weight))
}

fn activation(file: &Weights) -> Result<(Option<Bend>, bool), DrawError> {
    let name = file.metadata().get("activation_func").map(|name| name.to_lowercase()).unwrap_or_default();
    let bend = Bend::named(&name).ok_or_else(|| unsupported(format!("the activation {name:?}")))?;
    let at_the_end = match file.metadata().get("activate_output").map(|text| text.to_lowercase()).as_deref() {
        None | Some("true" | "1") => true,
        Some("false" | "0") => false,
        Some(other) => return Err(invalid(format!("activate_output {other:?}"))),
    };
    Ok((bend, at_the_end))
}

/// Linear, activation and norm, again and again; behind the last linear layer there is an activation only where the
/// file says so.
fn steps(
    file: &Weights,
    width: usize,
    chain: Chain,
    bend: Option<Bend>,
    at_the_end: bool,
    device: &Device,
) -> Result<Vec<Step>, DrawError> {
    let (mut steps, mut now) = (Vec::new(), width);
    let shape = |name: &str| file.shape(name).unwrap_or_default().to_vec();
    let linear = |layer: &Layer| layer.weight.as_ref().is_some_and(|name| shape(name).len() == 2);
    let mut left = chain.values().filter(|layer| linear(layer)).count();
    for layer in chain.into_values() {
        let is_linear = linear(&layer);
        let Layer { weight: Some(weight), bias: Some(bias) } = layer else {
            return Err(invalid(format!("a layer for width {width} is without weight or bias")));
        };
        let (whole, side) = (shape(&weight), shape(&bias));
        let fits = match whole.as_slice() {
            [outputs, inputs] => *inputs == now && side == [*outputs],
            [size] => *size == now && side == [*size],
            _ => false,
        };
        if !fits {
            return Err(invalid(format!("{weight} of {whole:?} with a bias of {side:?} after {now} values")));
        }
        let (values, bias) = (load(file, &weight, device)?, load(file, &bias, device)?);
        if is_linear {
            now = whole[0];
            left -= 1;
            steps.push(Step::Linear(Linear::new(values, Some(bias))));
            steps.extend(bend.filter(|_| left > 0 || at_the_end).map(Step::Bend));
        } else {
            steps.push(Step::Norm(LayerNorm::new(values, bias, NORM_EPS)));
        }
    }
    if now != width || steps.is_empty() {
        return Err(invalid(format!("a chain for width {width} ends with {now} values")));
    }
    Ok(steps)
}

//! A network that LoRAs change, layer by layer.
//!
//! A changed weight is the file's own plus all changes, each time from the file: switching back gives the same bits.
//! Layers that a switch does not touch stay as they are, and nothing else of the model is read again. The weights
//! before a change are not kept: they are in the file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;

use super::file::mismatch;
use super::lora::Lora;
use super::names::{Part, layers, spelled};
use crate::DrawError;
use crate::models::unet::Unet;
use crate::nn::Visit;
use crate::weights::Source;

/// Of a weight in single precision at once: itself, what it changes by, that times its scale, and the sum.
const SINGLES: u64 = 4;

/// A network that shows its layers.
pub trait Layers {
    fn layers(&mut self, visit: &mut Visit) -> candle_core::Result<()>;
}

impl Layers for Unet {
    fn layers(&mut self, visit: &mut Visit) -> candle_core::Result<()> {
        Unet::layers(self, visit)
    }
}

pub struct Adapted<N> {
    part: Part,
    source: Source,
    /// Spelling of a layer → name of its weight; of one weight there may be several.
    layers: HashMap<String, String>,
    /// By name of the weight: what is in it now.
    shares: HashMap<String, Vec<Share>>,
    network: N,
}

/// What one LoRA has in one weight.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    lora: u64,
    layer: String,
    scale: f64,
}

/// New weights by their names, ready to take the place of those before, and what is in them.
pub struct Change {
    weights: HashMap<String, Tensor>,
    shares: HashMap<String, Vec<Share>>,
}

impl<N: Layers> Adapted<N> {
    pub fn load(
        part: Part,
        source: VarBuilder<'static>,
        build: impl FnOnce(VarBuilder<'static>) -> candle_core::Result<N>,
    ) -> candle_core::Result<Self> {
        let source = Source::over(source);
        let mut network = build(source.builder())?;
        let mut shown = HashSet::new();
        network.layers(&mut |name, _| {
            shown.insert(spelled(part, name));
            Ok(())
        })?;
        let names = source.names();
        let mut layers = layers(part, names.iter().map(String::as_str));
        layers.retain(|_, weight| shown.contains(&spelled(part, layer(weight))));
        Ok(Self { part, source, layers, shares: HashMap::new(), network })
    }

    /// Shape of a layer's weight.
    pub fn shape(&self, layer: &str) -> Option<Vec<usize>> {
        Some(self.source.shape(self.layers.get(layer)?)?.into_dims())
    }

    /// What brings the network under these LoRAs with their strengths; none where it is already. All of them were
    /// checked to fit.
    pub fn under(&self, loras: &[(Arc<Lora>, f64)]) -> Result<Option<Change>, DrawError> {
        let shares = self.wanted(loras);
        let touched = self.touched(&shares);
        if touched.is_empty() {
            return Ok(None);
        }
        let weights = touched
            .into_iter()
            .map(|(name, wanted)| Ok((name.clone(), self.sum(name, wanted, loras)?)))
            .collect::<Result<_, DrawError>>()?;
        Ok(Some(Change { weights, shares }))
    }

    /// Bytes that this takes beside the network at its most: weights that change are made anew before they take the
    /// place of those that were, and one of them with what it changes by is in single precision.
    pub fn takes(&self, loras: &[(Arc<Lora>, f64)]) -> u64 {
        let shares = self.wanted(loras);
        let (mut all, mut largest) = (0u64, 0);
        for name in self.touched(&shares).into_keys() {
            let numbers = self.source.shape(name).map_or(0, |shape| shape.elem_count() as u64);
            all = all.saturating_add(numbers);
            largest = numbers.max(largest);
        }
        let each = |dtype: DType| dtype.size_in_bytes() as u64;
        all.saturating_mul(each(self.source.dtype())).saturating_add(largest.saturating_mul(SINGLES * each(DType::F32)))
    }

    /// Where it fails, the layers it was about are written again at the next change.
    pub fn switch(&mut self, change: Option<Change>) -> Result<(), DrawError> {
        let Some(Change { weights, shares }) = change else { return Ok(()) };
        let unknown = Share { lora: u64::MAX, layer: String::new(), scale: 0.0 };
        self.shares.extend(weights.keys().map(|name| (name.clone(), vec![unknown.clone()])));
        let (part, layers) = (self.part, &self.layers);
        self.network.layers(&mut |name, layer| {
            let weight = layers.get(&spelled(part, name)).and_then(|weight| weights.get(weight));
            weight.map_or(Ok(()), |weight| layer.set_weight(weight))
        })?;
        self.shares = shares;
        Ok(())
    }

    /// Weights that are to be other than they are, and what is to be in them.
    fn touched<'a>(&'a self, wanted: &'a HashMap<String, Vec<Share>>) -> BTreeMap<&'a String, &'a [Share]> {
        let back = self.shares.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (name, &[][..]));
        let wanted = wanted.iter().map(|(name, shares)| (name, shares.as_slice()));
        wanted.chain(back).filter(|(name, wanted)| self.shares.get(*name).is_none_or(|now| now != wanted)).collect()
    }

    /// Weights to change, and who changes each.
    fn wanted(&self, loras: &[(Arc<Lora>, f64)]) -> HashMap<String, Vec<Share>> {
        let mut wanted: HashMap<String, Vec<Share>> = HashMap::new();
        for (lora, strength) in loras {
            for (layer, scale) in lora.layers(self.part) {
                let scale = scale * strength;
                let Some(weight) = self.layers.get(layer).filter(|_| scale != 0.0) else { continue };
                let share = Share { lora: lora.id, layer: layer.to_string(), scale };
                wanted.entry(weight.clone()).or_default().push(share);
            }
        }
        wanted
    }

    fn sum(&self, name: &str, shares: &[Share], loras: &[(Arc<Lora>, f64)]) -> Result<Tensor, DrawError> {
        let base = self.source.read(name)?;
        let mut sum = base.to_dtype(DType::F32)?;
        for share in shares {
            let Some((lora, _)) = loras.iter().find(|(lora, _)| lora.id == share.lora) else {
                return Err(mismatch(format!("{name} is changed by nobody")));
            };
            let delta = lora.delta(self.part, &share.layer, base.dims(), base.device());
            sum = (sum + (delta.map_err(|e| e.at(lora.path().display()))? * share.scale)?)?;
        }
        Ok(sum.to_dtype(base.dtype())?)
    }
}

fn layer(weight: &str) -> &str {
    weight.strip_suffix(".weight").unwrap_or(weight)
}

impl<N> Deref for Adapted<N> {
    type Target = N;

    fn deref(&self) -> &N {
        &self.network
    }
}

impl<N> DerefMut for Adapted<N> {
    fn deref_mut(&mut self) -> &mut N {
        &mut self.network
    }
}

//! A network that LoRAs change, and its weights without them.
//!
//! Changed weights are the first ones plus all changes, each time from the first: switching back gives the same bits.
//! Weights that a switch does not touch stay, and nothing of the model is read again.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;

use super::lora::Lora;
use super::names::{Part, layers};
use crate::DrawError;
use crate::weights::Kept;

type Build<N> = Arc<dyn Fn(VarBuilder<'static>) -> candle_core::Result<N> + Send + Sync>;

pub struct Adapted<N> {
    part: Part,
    kept: Kept,
    build: Build<N>,
    /// Spelling of a layer → name of its weight.
    layers: HashMap<String, String>,
    /// By name of the weight.
    changed: HashMap<String, Changed>,
    network: N,
}

#[derive(Clone)]
struct Changed {
    shares: Vec<Share>,
    tensor: Tensor,
}

/// What one LoRA has in one weight.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    lora: u64,
    layer: String,
    scale: f64,
}

impl<N> Adapted<N> {
    pub fn load(
        part: Part,
        source: VarBuilder<'static>,
        build: impl Fn(VarBuilder<'static>) -> candle_core::Result<N> + Send + Sync + 'static,
    ) -> candle_core::Result<Self> {
        let kept = Kept::over(source);
        let network = build(kept.builder())?;
        let names = kept.names();
        let layers = layers(part, names.iter().map(String::as_str));
        Ok(Self { part, kept, build: Arc::new(build), layers, changed: HashMap::new(), network })
    }

    /// Shape of a layer's weight.
    pub fn shape(&self, layer: &str) -> Option<Vec<usize>> {
        Some(self.kept.get(self.layers.get(layer)?)?.dims().to_vec())
    }

    /// The network under these LoRAs with their strengths; none when that is what it is already. All of them were
    /// checked to fit.
    pub fn under(&self, loras: &[(Arc<Lora>, f64)]) -> Result<Option<Change<N>>, DrawError> {
        let wanted = self.wanted(loras);
        let same = wanted.len() == self.changed.len()
            && wanted.iter().all(|(name, shares)| self.changed.get(*name).is_some_and(|c| c.shares == *shares));
        if same {
            return Ok(None);
        }
        let mut changed = HashMap::with_capacity(wanted.len());
        for (name, shares) in wanted {
            let change = match self.changed.get(name) {
                Some(before) if before.shares == shares => before.clone(),
                _ => Changed { tensor: self.sum(name, &shares, loras)?, shares },
            };
            changed.insert(name.to_string(), change);
        }
        let tensors = changed.iter().map(|(name, change)| (name.clone(), change.tensor.clone())).collect();
        Ok(Some(Change { network: (self.build)(self.kept.with(tensors))?, changed }))
    }

    pub fn switch(&mut self, change: Option<Change<N>>) {
        if let Some(Change { network, changed }) = change {
            (self.network, self.changed) = (network, changed);
        }
    }

    /// Weights to change, and who changes each.
    fn wanted(&self, loras: &[(Arc<Lora>, f64)]) -> BTreeMap<&str, Vec<Share>> {
        let mut wanted: BTreeMap<&str, Vec<Share>> = BTreeMap::new();
        for (lora, strength) in loras {
            for (layer, scale) in lora.layers(self.part) {
                let scale = scale * strength;
                let Some(weight) = self.layers.get(layer).filter(|_| scale != 0.0) else { continue };
                wanted.entry(weight).or_default().push(Share { lora: lora.id, layer: layer.to_string(), scale });
            }
        }
        wanted
    }

    fn sum(&self, name: &str, shares: &[Share], loras: &[(Arc<Lora>, f64)]) -> Result<Tensor, DrawError> {
        let Some(base) = self.kept.get(name) else {
            return Err(super::file::mismatch(format!("{name} is not in this model")));
        };
        let mut sum = base.to_dtype(DType::F32)?;
        for share in shares {
            if let Some((lora, _)) = loras.iter().find(|(lora, _)| lora.id == share.lora) {
                let delta = lora.delta(self.part, &share.layer, base.dims(), base.device());
                let delta = delta.map_err(|e| e.at(lora.path().display()))?;
                sum = (sum + (delta * share.scale)?)?;
            }
        }
        Ok(sum.to_dtype(base.dtype())?)
    }
}

/// A network that is ready to take the place of the one before.
pub struct Change<N> {
    network: N,
    changed: HashMap<String, Changed>,
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

//! From what a training gives to the file that is wanted of it.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};

use super::{About, Factors, Structure, checkpoint, directory, embedding, hypernetwork, lora};
use crate::adapters::Part;
use crate::pipeline::Parts;
use crate::train::lora::{DOWN, UP};
use crate::train::texts::VECTORS;
use crate::train::{Kind, Overlay};
use crate::{Code, DrawError};

/// What was learnt of a model, by the names that `train` has for it.
pub struct Learning<'a> {
    pub kind: &'a Kind,
    /// What learnt, and where it lies.
    pub model: (&'a Path, &'a dyn Parts),
    pub learned: BTreeMap<String, Tensor>,
}

/// Writes it to `path`: one file, or a directory for a checkpoint where `path` does not end in `.safetensors`.
pub fn result(path: &Path, learning: Learning, about: &About, dtype: DType) -> Result<(), DrawError> {
    let Learning { kind, model: (base, parts), learned } = learning;
    match kind {
        Kind::Checkpoint(_) => {
            let over = Overlay { parts, learned };
            match path.extension().is_some_and(|extension| extension == "safetensors") {
                true => checkpoint(path, &over, about, dtype),
                false => directory(path, base, &over, dtype),
            }
        }
        Kind::Lora { alpha, .. } => lora(path, &factors(parts, &learned)?, *alpha, about, dtype),
        Kind::Words { word, .. } => {
            let of = |part: &str| learned.get(&format!("{part}{VECTORS}")).cloned();
            let vectors = parts.family().texts().iter().map(|(part, _)| of(part).ok_or_else(|| missing(part)));
            embedding(path, word, &vectors.collect::<Result<Vec<_>, _>>()?, about, dtype)
        }
        Kind::Hypernetwork(chain) => {
            let structure = Structure {
                layers: &chain.layers,
                activation: &chain.activation,
                activate_output: chain.activate_output,
                norm: chain.norm,
            };
            hypernetwork(path, &learned, &structure, about, dtype)
        }
    }
}

fn factors<'a>(parts: &dyn Parts, learned: &'a BTreeMap<String, Tensor>) -> Result<Vec<Factors<'a>>, DrawError> {
    let texts = parts.family().texts();
    let downs = learned.iter().filter_map(|(name, down)| Some((name.strip_suffix(DOWN)?, down)));
    downs
        .map(|(name, down)| {
            let (part, layer) = name.split_once('/').ok_or_else(|| missing(name))?;
            let up = learned.get(&format!("{name}{UP}")).ok_or_else(|| missing(name))?;
            let part = match texts.iter().position(|(text, _)| *text == part) {
                Some(index) => Part::Text(index),
                None => Part::Unet,
            };
            Ok(Factors { part, layer, down, up })
        })
        .collect()
}

fn missing(name: &str) -> DrawError {
    DrawError::new(Code::Internal, format!("nothing was learnt for {name}"))
}

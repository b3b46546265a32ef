//! A model as one file, named as Stable Diffusion was first published: the names that `checkpoint` reads by, the other
//! way round.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde_json::json;

use super::about::{About, Texts, save};
use super::base::kind;
use super::file::{Pending, Tensors};
use crate::checkpoint::embedded::{CONFIGS, TOKENIZERS};
use crate::checkpoint::names::Origin;
use crate::checkpoint::names::unet::Blocks;
use crate::checkpoint::{Kind, Layout};
use crate::models::clip::{Projection, TextConfig, TextEncoder};
use crate::models::config::unsupported;
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
use crate::pipeline::Parts;
use crate::weights::Source;
use crate::{Code, DrawError};

/// Words in the vocabulary of CLIP, which all published models have.
const CLIP_WORDS: u64 = 49_408;

/// What other readers of one file will get wrong of this model: they look for no configuration, and take what shapes
/// don't tell to be as in the published models.
pub fn untold(parts: &dyn Parts) -> Result<Vec<String>, DrawError> {
    let taken = [
        ("unet", "norm_num_groups", json!(32)),
        ("vae", "norm_num_groups", json!(32)),
        ("scheduler", "beta_schedule", json!("scaled_linear")),
    ];
    let texts = parts.family().texts().iter().map(|(part, _)| (*part, "vocab_size", json!(CLIP_WORDS)));
    let mut untold = Vec::new();
    for (part, key, taken) in taken.into_iter().chain(texts) {
        if let Some(value) = parts.config(part)?.get(key).filter(|value| **value != taken) {
            untold.push(format!("{part} {key} = {value}, taken to be {taken}"));
        }
    }
    Ok(untold)
}

/// `parts` are those of the model with all that was learnt.
///
/// Errors: `model_unsupported` for a model whose blocks the names can't count.
pub fn checkpoint(path: &Path, parts: &dyn Parts, about: &About, dtype: DType) -> Result<(), DrawError> {
    let layout = layout(parts)?;
    let mut tensors = Tensors::new();
    for part in networks(parts) {
        let (prefix, names) = layout.names(part)?;
        let source = Rc::new(source(parts, part)?);
        let mut rows: BTreeMap<String, Rows> = BTreeMap::new();
        for name in source.names() {
            // Some directories leave the outer name out.
            let text = part.starts_with("text") && !name.starts_with("text_");
            let full = if text { format!("text_model.{name}") } else { name.clone() };
            let origin = names(&full).ok_or_else(|| unsupported(format!("{part}: {name} has no name in one file")))?;
            let shape = source.shape(&name).map(|shape| shape.into_dims()).unwrap_or_default();
            let source = source.clone();
            let read = move || Ok::<Tensor, DrawError>(source.read(&name)?);
            match origin {
                Origin::Whole(origin) => {
                    // The published autoencoder attends by convolutions of one pixel.
                    let pixels = part == "vae" && shape.len() == 2;
                    let shape = if pixels { [shape, vec![1, 1]].concat() } else { shape };
                    let like = shape.clone();
                    let make = Rc::new(move || Ok(read()?.reshape(like.as_slice())?));
                    tensors.insert(format!("{prefix}{origin}"), Pending { shape, make });
                }
                Origin::Transposed(origin) => {
                    let shape = shape.into_iter().rev().collect();
                    let make = Rc::new(move || Ok(read()?.t()?.contiguous()?));
                    tensors.insert(format!("{prefix}{origin}"), Pending { shape, make });
                }
                Origin::Part { name: origin, index, of } => {
                    let rows = rows.entry(origin).or_insert(Rows { of, shape, read: BTreeMap::new() });
                    rows.read.insert(index, Box::new(read));
                }
            }
        }
        for (origin, rows) in rows {
            tensors.insert(format!("{prefix}{origin}"), rows.together(&origin)?);
        }
        if layout.kind == Kind::Sd2 && part == "text_encoder" {
            add_unused_layer(&mut tensors, prefix);
        }
    }
    if about.base.predicts_v && layout.kind != Kind::Sd2 {
        mark(&mut tensors, "v_pred")?;
    }
    if about.base.zero_snr {
        mark(&mut tensors, "ztsnr")?;
    }
    let mut texts = about.model();
    if !untold(parts)?.is_empty() {
        embed(parts, &mut texts)?;
    }
    save(path, &tensors, texts, dtype)
}

/// Adds the configurations and tokenizers, for this program to read the file as what it is.
fn embed(parts: &dyn Parts, texts: &mut Texts) -> Result<(), DrawError> {
    let encoders = parts.family().texts().iter();
    let names = encoders.clone().map(|(part, _)| *part).chain(["unet", "vae", "scheduler"]);
    let configs = names.map(|part| Ok((part, parts.config(part)?))).collect::<Result<BTreeMap<_, _>, DrawError>>()?;
    let tokenizers = encoders.map(|(_, name)| Ok((*name, parts.tokenizer_files(name)?)));
    let tokenizers = tokenizers.collect::<Result<BTreeMap<_, _>, DrawError>>()?;
    let json = |e: serde_json::Error| DrawError::new(Code::Internal, e.to_string());
    texts.insert(CONFIGS.into(), serde_json::to_string(&configs).map_err(json)?);
    texts.insert(TOKENIZERS.into(), serde_json::to_string(&tokenizers).map_err(json)?);
    Ok(())
}

/// The tower of the published files has one layer more than is looked at, which readers count: it is the last one
/// again.
fn add_unused_layer(tensors: &mut Tensors, prefix: &str) {
    let layers = format!("{prefix}transformer.resblocks.");
    let number = |name: &str| name.strip_prefix(&layers)?.split('.').next()?.parse::<usize>().ok();
    let Some(last) = tensors.keys().filter_map(|name| number(name)).max() else { return };
    let (from, to) = (format!("{layers}{last}."), format!("{layers}{}.", last + 1));
    let again = tensors
        .iter()
        .filter_map(|(name, tensor)| Some((format!("{to}{}", name.strip_prefix(&from)?), tensor.clone())));
    let again: Vec<_> = again.collect();
    tensors.extend(again);
}

type Read = Box<dyn Fn() -> Result<Tensor, DrawError>>;

/// Tensors that are one in the file, one below the other.
struct Rows {
    of: usize,
    /// Of each.
    shape: Vec<usize>,
    read: BTreeMap<usize, Read>,
}

impl Rows {
    fn together(self, name: &str) -> Result<Pending<'static>, DrawError> {
        let Self { of, mut shape, read } = self;
        if read.len() != of {
            return Err(DrawError::new(Code::WeightsMissing, format!("{} of the {of} parts of {name}", read.len())));
        }
        shape.iter_mut().take(1).for_each(|rows| *rows *= of);
        let make = move || {
            let parts = read.values().map(|read| read()).collect::<Result<Vec<_>, DrawError>>()?;
            Ok(Tensor::cat(&parts, 0)?)
        };
        Ok(Pending { shape, make: Rc::new(make) })
    }
}

/// A tensor of no numbers, by which readers know what the metadata says as well.
fn mark(tensors: &mut Tensors, name: &str) -> Result<(), DrawError> {
    let nothing = Tensor::zeros(0, DType::F32, &Device::Cpu)?;
    tensors.insert(name.into(), Pending::of(&nothing));
    Ok(())
}

/// The parts that have weights.
pub(super) fn networks(parts: &dyn Parts) -> Vec<&'static str> {
    parts.family().texts().iter().map(|(part, _)| *part).chain(["unet", "vae"]).collect()
}

/// The tensors of a part: a network is built of them, so that there is no second list of names.
pub(super) fn source(parts: &dyn Parts, part: &str) -> Result<Source, DrawError> {
    let source = Source::over(VarBuilder::from_backend(parts.weights(part)?, DType::F32, Device::Cpu));
    let (config, vb) = (parts.config(part)?, source.builder());
    let built = match part {
        "unet" => Unet::load(&UnetConfig::checked(&config)?, vb).map(drop),
        "vae" => Vae::load(&VaeConfig::checked(&config)?, vb).map(drop),
        _ => {
            let config = TextConfig::checked(&config)?;
            let text = TextEncoder::load(&config, vb.clone()).map(drop);
            if part == "text_encoder_2" { text.and(Projection::load(&config, vb).map(drop)) } else { text }
        }
    };
    built.map_err(|e| DrawError::from(e).at(part))?;
    Ok(source)
}

fn layout(parts: &dyn Parts) -> Result<Layout, DrawError> {
    let unet = UnetConfig::checked(&parts.config("unet")?).map_err(|e| e.at("unet"))?;
    let vae = VaeConfig::checked(&parts.config("vae")?).map_err(|e| e.at("vae"))?;
    let mut counts = unet.down.iter().map(|level| level.layers);
    let per_level = counts.next().unwrap_or(0);
    if counts.any(|count| count != per_level) {
        return Err(unsupported("a unet with more blocks in some levels than in others".into()));
    }
    let blocks = Blocks { per_level, up_attends: unet.up_attends };
    Ok(Layout { kind: kind(parts)?, blocks, vae_levels: vae.block_out_channels.len() })
}

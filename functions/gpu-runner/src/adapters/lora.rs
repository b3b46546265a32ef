//! LoRA (Hu et al. 2021): a change of a layer's weights as a product of two thin matrices, W + alpha / rank · up ·
//! down.
//!
//! A convolution's is the product of the flattened kernels (LoCon); decomposed ones have a third tensor between the
//! two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Device, Tensor};
use serde_json::{Map, Value};

use super::file::{finite, invalid, load, mismatch, open, unsupported};
use super::names::{Factor, Key, Part, key};
use crate::DrawError;
use crate::weights::Weights;

/// More than the widest layer of any model has.
const MAX_RANK: usize = 4_096;
/// How many names an error shows.
const SHOWN: usize = 3;

/// A file that was opened: names, shapes and scales are checked, its tensors are read when they are wanted.
pub struct Lora {
    /// Of this reading, unlike any other in this process.
    pub id: u64,
    path: PathBuf,
    file: Weights,
    layers: BTreeMap<(Part, String), Layer>,
}

struct Layer {
    down: String,
    up: String,
    mid: Option<String>,
    rank: usize,
    /// alpha / rank, or what stands for it.
    scale: f64,
}

/// Names in the file of what belongs to one layer.
#[derive(Default)]
struct Found {
    down: Option<String>,
    up: Option<String>,
    mid: Option<String>,
    alpha: Option<String>,
}

impl Lora {
    pub fn open(path: &Path) -> Result<Self, DrawError> {
        let file = open(path)?;
        let mut found: BTreeMap<(Part, String), Found> = BTreeMap::new();
        let mut unknown = Vec::new();
        for name in file.names() {
            match key(name) {
                Key::Other(method) => return Err(unsupported(format!("{name}: {method} is not applied here"))),
                Key::Unknown => unknown.push(name),
                Key::Known { part, layer, factor } => {
                    let entry = found.entry((part, layer)).or_default();
                    let place = match factor {
                        Factor::Down => &mut entry.down,
                        Factor::Up => &mut entry.up,
                        Factor::Mid => &mut entry.mid,
                        Factor::Alpha => &mut entry.alpha,
                    };
                    if let Some(first) = place.replace(name.to_string()) {
                        return Err(invalid(format!("{first} and {name} are the same")));
                    }
                }
            }
        }
        if !unknown.is_empty() {
            return Err(mismatch(format!("names that no LoRA has: {}", some(&unknown))));
        }
        if let Some(name) = file.others().iter().find(|name| matches!(key(name), Key::Known { .. })) {
            return Err(unsupported(format!("{name} is not of floating point numbers")));
        }
        if found.is_empty() {
            return Err(invalid("there is no LoRA in it"));
        }
        let notes = Notes::of(&file);
        drop_doubled(&mut found);
        let layers = found
            .into_iter()
            .map(|((part, layer), found)| {
                let checked = Layer::checked(&file, &notes, (part, &layer), found)?;
                Ok(((part, layer), checked))
            })
            .collect::<Result<_, DrawError>>()?;
        static OPENED: AtomicU64 = AtomicU64::new(0);
        Ok(Self { id: OPENED.fetch_add(1, Ordering::Relaxed), path: path.to_path_buf(), file, layers })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether every layer is one of the model's. `find` gives the shape of a layer's weight.
    pub fn check(&self, find: impl Fn(Part, &str) -> Option<Vec<usize>>) -> Result<(), DrawError> {
        let mut unmatched = Vec::new();
        for ((part, name), layer) in &self.layers {
            match find(*part, name) {
                Some(shape) => self.fits(layer, &shape)?,
                None => unmatched.push(layer.up.as_str()),
            }
        }
        if unmatched.is_empty() {
            return Ok(());
        }
        let (count, all) = (unmatched.len(), self.layers.len());
        Err(mismatch(format!("{count} of {all} layers are not in this model: {}", some(&unmatched))))
    }

    /// The layers of one network and their scales.
    pub fn layers(&self, part: Part) -> impl Iterator<Item = (&str, f64)> {
        self.layers
            .iter()
            .filter(move |((of, _), _)| *of == part)
            .map(|((_, name), layer)| (name.as_str(), layer.scale))
    }

    /// What a layer's weight of this shape changes by at scale 1, in single precision.
    pub fn delta(&self, part: Part, name: &str, shape: &[usize], device: &Device) -> Result<Tensor, DrawError> {
        let Some(layer) = self.layers.get(&(part, name.to_string())) else {
            return Err(mismatch(format!("{name} is not in it")));
        };
        self.fits(layer, shape)?;
        let (outputs, rest) = sides(shape);
        let down = load(&self.file, &layer.down, device)?;
        let down = match &layer.mid {
            None => down.reshape((layer.rank, rest))?,
            Some(mid) => {
                // Σ mid[p, q, k] · down[q, i] as [p, i, k].
                let mid = load(&self.file, mid, device)?.reshape((layer.rank, layer.rank, ()))?;
                let (pixels, inputs) = (mid.dim(2)?, down.elem_count() / layer.rank);
                let mid = mid.transpose(1, 2)?.reshape((layer.rank * pixels, layer.rank))?;
                let both = mid.matmul(&down.reshape((layer.rank, inputs))?)?;
                both.reshape((layer.rank, pixels, inputs))?.transpose(1, 2)?.reshape((layer.rank, rest))?
            }
        };
        let up = load(&self.file, &layer.up, device)?.reshape((outputs, layer.rank))?;
        let delta = up.matmul(&down)?.reshape(shape)?;
        finite(&delta, &layer.up)?;
        Ok(delta)
    }

    fn fits(&self, layer: &Layer, shape: &[usize]) -> Result<(), DrawError> {
        let size = |name: &str| self.file.shape(name).map_or(0, |shape| shape.iter().product::<usize>());
        let (outputs, rest) = sides(shape);
        let rank = layer.rank;
        let down = match &layer.mid {
            None => size(&layer.down),
            // rank × rank × pixels and rank × inputs.
            Some(mid) => (size(mid) / (rank * rank)).saturating_mul(size(&layer.down)),
        };
        if Some(down) == rank.checked_mul(rest) && Some(size(&layer.up)) == rank.checked_mul(outputs) {
            return Ok(());
        }
        let of = |name: &str| format!("{:?}", self.file.shape(name).unwrap_or_default());
        let (up, down) = (of(&layer.up), of(&layer.down));
        Err(mismatch(format!("{} of {up} and {down} does not fit a weight of {shape:?}", layer.up)))
    }
}

impl Layer {
    fn checked(file: &Weights, notes: &Notes, (part, name): (Part, &str), found: Found) -> Result<Self, DrawError> {
        let Found { down: Some(down), up: Some(up), mid, alpha } = found else {
            return Err(invalid(format!("{name} has no two factors")));
        };
        let rank = file.shape(&down).and_then(|shape| shape.first()).copied().unwrap_or(0);
        let other = file.shape(&up).and_then(|shape| shape.get(1)).copied().unwrap_or(0);
        if rank != other || !(1..=MAX_RANK).contains(&rank) {
            return Err(invalid(format!("{up}: ranks {other} and {rank}")));
        }
        if let Some(mid) = &mid {
            let shape = file.shape(mid).unwrap_or_default();
            if shape.len() < 3 || shape[..2] != [rank, rank] {
                return Err(invalid(format!("{mid}: {shape:?} between ranks {rank}")));
            }
        }
        let alpha = match alpha {
            Some(alpha) => {
                let value = match file.shape(&alpha).map(|shape| shape.iter().product::<usize>()) {
                    Some(1) => load(file, &alpha, &Device::Cpu)?.flatten_all()?.get(0)?.to_scalar::<f32>()?,
                    _ => return Err(invalid(format!("{alpha} is not one number"))),
                };
                Some(f64::from(value))
            }
            None => notes.alpha(part, name),
        };
        let rank_as_float = rank as f64;
        let divisor = if notes.by_root(part) { rank_as_float.sqrt() } else { rank_as_float };
        Ok(Self { down, up, mid, rank, scale: alpha.map_or(1.0, |alpha| alpha / divisor) })
    }
}

/// What the reference writes into the header since its version 0.34, for files that have no alphas of their own.
struct Notes(Map<String, Value>);

impl Notes {
    fn of(file: &Weights) -> Self {
        let text = file.metadata().get("lora_adapter_metadata");
        Self(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
    }

    fn get(&self, part: Part, key: &str) -> Option<&Value> {
        let part = match part {
            Part::Unet => "unet",
            Part::Text(0) => "text_encoder",
            Part::Text(_) => "text_encoder_2",
        };
        self.0.get(&format!("{part}.{key}"))
    }

    fn alpha(&self, part: Part, layer: &str) -> Option<f64> {
        let pattern = self.get(part, "alpha_pattern").and_then(Value::as_object);
        let own = pattern.into_iter().flatten().find(|(name, _)| {
            let name = name.replace('.', "_");
            let name = name.strip_prefix("text_model_").unwrap_or(&name);
            layer == name || layer.ends_with(&format!("_{name}"))
        });
        own.map(|(_, alpha)| alpha).or_else(|| self.get(part, "lora_alpha"))?.as_f64()
    }

    fn by_root(&self, part: Part) -> bool {
        self.get(part, "use_rslora").and_then(Value::as_bool).unwrap_or(false)
    }
}

/// Some files have each layer of the denoiser twice, by the names of the original blocks as well: it counts once, as
/// for the reference.
fn drop_doubled(found: &mut BTreeMap<(Part, String), Found>) {
    let begins = |layer: &str, blocks: [&str; 3]| blocks.iter().any(|block| layer.starts_with(block));
    if found.keys().any(|(part, layer)| *part == Part::Unet && begins(layer, ["down_blocks", "mid_block", "up_blocks"]))
    {
        found.retain(|(part, layer), _| {
            *part != Part::Unet || !begins(layer, ["input_blocks", "middle_block", "output_blocks"])
        });
    }
}

/// Outputs, and all else of a layer's weight.
fn sides(shape: &[usize]) -> (usize, usize) {
    let outputs = shape.first().copied().unwrap_or(1);
    (outputs, shape.iter().skip(1).product())
}

fn some(names: &[&str]) -> String {
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ") + more
}

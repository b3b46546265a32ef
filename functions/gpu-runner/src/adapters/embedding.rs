//! Textual inversion (Gal et al. 2022): vectors that stand for a word of the prompt.
//!
//! The forms of files: one tensor `emb_params` (AUTOMATIC1111's web UI), one tensor named as its word (the reference),
//! or `clip_l` and `clip_g` for the two encoders of SDXL. Each is (vectors, width), or (width) for one.

use std::path::Path;

use candle_core::{Device, Tensor};

use super::file::{invalid, load, mismatch, open};
use crate::DrawError;

const PLAIN: &str = "emb_params";
const BOTH: [&str; 2] = ["clip_l", "clip_g"];
/// More than any prompt has; a chunk has room for fewer.
const MAX_VECTORS: usize = 75;

pub struct Embedding {
    /// The word that the file has for itself: its tensor's name, else its own.
    pub word: String,
    /// (vectors, width) for each text encoder, as many vectors for all.
    pub vectors: Vec<Tensor>,
}

impl Embedding {
    /// `widths` are those of the text encoders.
    pub fn read(path: &Path, widths: &[usize], device: &Device) -> Result<Self, DrawError> {
        let file = open(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let names = file.names();
        let (word, names) = match names.as_slice() {
            [PLAIN] => (stem, vec![PLAIN]),
            [name] if !BOTH.contains(name) => (name.to_string(), vec![*name]),
            _ if BOTH.iter().all(|name| names.contains(name)) && names.len() == BOTH.len() => (stem, BOTH.to_vec()),
            [] => return Err(invalid("there are no vectors in it")),
            [first, ..] => {
                return Err(mismatch(format!("{first} and {} more are no embedding's tensors", names.len() - 1)));
            }
        };
        if names.len() != widths.len() {
            return Err(mismatch(format!("for {} text encoders, the model has {}", names.len(), widths.len())));
        }
        let mut vectors: Vec<Tensor> = Vec::new();
        for (name, width) in names.into_iter().zip(widths) {
            let shape = file.shape(name).unwrap_or_default();
            let (count, size) = match *shape {
                [size] => (1, size),
                [count, size] => (count, size),
                _ => return Err(invalid(format!("{name} of {shape:?}"))),
            };
            if size != *width {
                return Err(mismatch(format!("{name} has width {size}, the text encoder {width}")));
            }
            if !(1..=MAX_VECTORS).contains(&count) || vectors.first().is_some_and(|v| v.dims().first() != Some(&count))
            {
                return Err(invalid(format!("{name} has {count} vectors")));
            }
            vectors.push(load(&file, name, device)?.reshape((count, size))?);
        }
        Ok(Self { word, vectors })
    }
}

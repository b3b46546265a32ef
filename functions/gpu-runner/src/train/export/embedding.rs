//! Learned words: one tensor named as its word, or `emb_params` where it has none; of SDXL `clip_l` and `clip_g`.
//! A web UI calls a word as its file is called.

use std::path::Path;

use candle_core::{DType, Tensor};

use super::about::{About, save};
use super::file::{Pending, Tensors};
use crate::{Code, DrawError};

/// Names of tensors that are no words.
const PLAIN: &str = "emb_params";
const BOTH: [&str; 2] = ["clip_l", "clip_g"];

/// `vectors` (vectors, width), one for each text encoder. The word is what `about` calls its trigger.
pub fn embedding(path: &Path, vectors: &[Tensor], about: &About, dtype: DType) -> Result<(), DrawError> {
    let word = about.trigger.as_deref().filter(|word| !BOTH.contains(word) && !word.starts_with("__"));
    let names = match vectors.len() {
        1 => vec![word.unwrap_or(PLAIN)],
        2 => BOTH.to_vec(),
        count => return Err(DrawError::new(Code::Internal, format!("vectors for {count} text encoders"))),
    };
    let named = names.into_iter().zip(vectors).map(|(name, of)| (name.to_string(), Pending::of(of)));
    let tensors: Tensors = named.collect();
    save(path, &tensors, about.adapter("textual-inversion"), dtype)
}

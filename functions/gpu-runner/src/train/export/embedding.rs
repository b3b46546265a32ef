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

/// `vectors` (vectors, width), one for each text encoder.
pub fn embedding(path: &Path, word: &str, vectors: &[Tensor], about: &About, dtype: DType) -> Result<(), DrawError> {
    let taken = word.is_empty() || word.starts_with("__") || BOTH.contains(&word);
    let names = match vectors.len() {
        1 => vec![if taken { PLAIN } else { word }],
        2 => BOTH.to_vec(),
        count => return Err(DrawError::new(Code::Internal, format!("vectors for {count} text encoders"))),
    };
    let named = names.into_iter().zip(vectors).map(|(name, of)| (name.to_string(), Pending::of(of)));
    let tensors: Tensors = named.collect();
    let mut texts = about.adapter("textual-inversion");
    texts.insert("modelspec.trigger_phrase".into(), word.into());
    save(path, &tensors, texts, dtype)
}

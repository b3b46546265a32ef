//! Configurations and vocabularies in the metadata of a file, for models whose tensors do not tell them.
//!
//! Not part of any standard: other programs pass over it. Written by `train::export`, in keys that name this project.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use crate::models::config::{Config, invalid};
use crate::tokenizer::{FILES, Tokenizer};
use crate::weights::Weights;
use crate::{Code, DrawError};

/// Key of the configurations: JSON, by the folders of the diffusers layout.
pub(crate) const CONFIGS: &str = "easel.configs";
/// Key of the tokenizers' files: JSON, by folder and then by name.
pub(crate) const TOKENIZERS: &str = "easel.tokenizers";
/// Bytes; a vocabulary of 50,000 words is 3 MB.
const MAX_BYTES: usize = 16 << 20;

/// Texts of the files of a tokenizer, by name.
pub type TokenizerFiles = BTreeMap<String, String>;

/// The configurations in a file; none in files of other programs.
///
/// # Errors
///
/// `model_config_invalid`.
pub fn configs(weights: &Weights) -> Result<HashMap<String, Config>, DrawError> {
    Ok(read(weights, CONFIGS)?.unwrap_or_default())
}

/// The files of a tokenizer in a file of a model, where there are any.
///
/// # Errors
///
/// `model_config_invalid`.
pub fn tokenizer_files(weights: &Weights, part: &str) -> Result<Option<TokenizerFiles>, DrawError> {
    let all: Option<HashMap<String, TokenizerFiles>> = read(weights, TOKENIZERS)?;
    Ok(all.and_then(|mut all| all.remove(part)))
}

/// The tokenizer that these files make.
///
/// # Errors
///
/// `tokenizer_invalid`, and `state_failed` where there is no place for them.
pub fn tokenizer(files: &TokenizerFiles, length: usize, words: usize) -> Result<Tokenizer, DrawError> {
    let failed = |e: std::io::Error| DrawError::new(Code::StateFailed, e.to_string()).at("tokenizer");
    let dir = tempfile::tempdir().map_err(failed)?;
    for (name, text) in files.iter().filter(|(name, _)| FILES.contains(&name.as_str())) {
        fs::write(dir.path().join(name), text).map_err(failed)?;
    }
    Tokenizer::load(dir.path(), length, words)
}

/// The files of a tokenizer in its directory.
///
/// # Errors
///
/// `model_not_found` for a file that can't be read.
pub fn read_tokenizer(dir: &Path) -> Result<TokenizerFiles, DrawError> {
    let there = FILES.iter().filter(|name| dir.join(name).is_file());
    there
        .map(|name| {
            let text = fs::read_to_string(dir.join(name));
            let text = text.map_err(|e| DrawError::new(Code::ModelNotFound, e.to_string()).at(dir.display()))?;
            Ok((name.to_string(), text))
        })
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(weights: &Weights, key: &str) -> Result<Option<T>, DrawError> {
    let Some(text) = weights.metadata().get(key) else { return Ok(None) };
    if text.len() > MAX_BYTES {
        return Err(invalid(format!("{key}: {} bytes are too many", text.len())));
    }
    serde_json::from_str(text).map(Some).map_err(|e| invalid(format!("{key}: {e}")))
}

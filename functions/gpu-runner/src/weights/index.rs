//! `*.safetensors.index.json`: which file of several has which tensor, as diffusers and transformers write it.
//!
//! Whoever wrote it names files: they are files beside it, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::{Code, DrawError};

/// Published ones have less than one.
const MAX_BYTES: u64 = 32 << 20;
/// Published ones have less than ten.
const MAX_PARTS: usize = 256;

/// Files by their tensors' names.
pub struct Index {
    files: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct Written {
    weight_map: Files,
}

struct Files(BTreeMap<String, String>);

impl Index {
    pub fn read(path: &Path) -> Result<Self, DrawError> {
        let unreadable = |e: std::io::Error| DrawError::new(Code::ModelNotFound, e.to_string());
        let invalid = |why: String| DrawError::new(Code::WeightsInvalid, why);
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > MAX_BYTES {
            return Err(invalid(format!("{length} bytes are too many for an index")));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        let Written { weight_map: Files(files) } = serde_json::from_slice(&text).map_err(|e| invalid(e.to_string()))?;
        if let Some(other) = files.values().find(|file| !plain(file)) {
            return Err(invalid(format!("{other:?} is no name of a safetensors file beside the index")));
        }
        let index = Self { files };
        match index.parts().len() {
            0 => Err(invalid("an index of no tensors".into())),
            1..=MAX_PARTS => Ok(index),
            count => Err(invalid(format!("{count} files for one network"))),
        }
    }

    /// Names of the files, each once, in order.
    pub fn parts(&self) -> Vec<&str> {
        let parts: BTreeSet<&str> = self.files.values().map(String::as_str).collect();
        parts.into_iter().collect()
    }

    /// Names of tensors with the files that they are said to be in.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(tensor, file)| (tensor.as_str(), file.as_str()))
    }
}

/// Whether it is the name of a file in the same directory, on any system.
fn plain(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.ends_with(".safetensors") && name.len() <= 255 && !name.starts_with('.') && name.chars().all(known)
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Each)
    }
}

struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Files;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("files by the names of tensors")
    }

    /// A name that comes twice would be taken for whichever came last.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Files, A::Error> {
        let mut files = BTreeMap::new();
        while let Some((tensor, file)) = map.next_entry::<String, String>()? {
            if let Some(before) = files.insert(tensor, file) {
                return Err(A::Error::custom(format!("a tensor that is in {before} is named twice")));
            }
        }
        Ok(Files(files))
    }
}

//! Which files of a directory have a network's weights, and several of them as one.

use std::collections::HashMap;
use std::path::Path;

use super::file::Weights;
use super::index::Index;
use crate::{Code, DrawError};

/// Names of a network's weights in one file, the one that is taken first before the other.
pub fn single(stem: &str) -> [String; 2] {
    [format!("{stem}.safetensors"), format!("{stem}.fp16.safetensors")]
}

/// Names of the index of a network's weights in several files; as for one.
pub fn indices(stem: &str) -> [String; 2] {
    [format!("{stem}.safetensors.index.json"), format!("{stem}.safetensors.index.fp16.json")]
}

impl Weights {
    /// Opens what there is of `{stem}.safetensors`, `{stem}.fp16.safetensors`, and the same in parts with an index: the
    /// first of them.
    pub fn open(dir: &Path, stem: &str) -> Result<Self, DrawError> {
        let found = |name: String| Some(dir.join(name)).filter(|path| path.is_file());
        if let Some(path) = single(stem).into_iter().find_map(found) {
            return Self::read(&path).map_err(|e| e.at(path.display()));
        }
        if let Some(path) = indices(stem).into_iter().find_map(found) {
            return Self::read_parts(&path).map_err(|e| e.at(path.display()));
        }
        let pickles = [format!("{stem}.bin"), format!("pytorch_{stem}.bin"), format!("{stem}.ckpt")];
        if let Some(pickle) = pickles.into_iter().find_map(found) {
            let message = "a PyTorch file may run programs when it is read; only safetensors is";
            return Err(DrawError::new(Code::ModelUnsupported, message).at(pickle.display()));
        }
        let missing = dir.join(format!("{stem}.safetensors"));
        Err(DrawError::new(Code::ModelNotFound, format!("{} is not there", missing.display())))
    }

    /// Reads and checks an index and the header of each file it names: what it says must be so, and no tensor may be in
    /// two of them.
    pub fn read_parts(index: &Path) -> Result<Self, DrawError> {
        let invalid = |why: String| DrawError::new(Code::WeightsInvalid, why);
        let dir = index.parent().unwrap_or(Path::new(""));
        let index = Index::read(index)?;
        let parts = index.parts();
        let mut all = Self { tensors: HashMap::new(), others: Vec::new(), metadata: HashMap::new(), files: Vec::new() };
        let mut seen: HashMap<String, &str> = HashMap::new();
        for part in parts {
            let read = Self::read(&dir.join(part)).map_err(|e| e.at(part))?;
            for name in read.tensors.keys().chain(&read.others) {
                if let Some(other) = seen.insert(name.clone(), part) {
                    return Err(invalid(format!("{name} is in {other} and in {part}")));
                }
            }
            let file = all.files.len();
            all.tensors.extend(read.tensors.into_iter().map(|(name, entry)| (name, entry.in_file(file))));
            all.others.extend(read.others);
            all.metadata.extend(read.metadata);
            all.files.extend(read.files);
        }
        match index.tensors().find(|(name, part)| seen.get(*name) != Some(part)) {
            Some((name, part)) => Err(invalid(format!("{name} is not in {part}, where the index has it"))),
            None => Ok(all),
        }
    }
}

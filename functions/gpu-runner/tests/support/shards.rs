//! A network's weights in several files.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::json;

/// In place of `{stem}.safetensors`, so many files with an index, as diffusers names them.
pub fn split(dir: &Path, stem: &str, parts: usize) {
    let whole = dir.join(format!("{stem}.safetensors"));
    let mut tensors: Vec<(String, Tensor)> =
        candle_core::safetensors::load(&whole, &Device::Cpu).unwrap().into_iter().collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let mut map = serde_json::Map::new();
    for (i, part) in tensors.chunks(tensors.len().div_ceil(parts)).enumerate() {
        let name = format!("{stem}-{:05}-of-{parts:05}.safetensors", i + 1);
        map.extend(part.iter().map(|(tensor, _)| (tensor.clone(), json!(name))));
        let part: HashMap<String, Tensor> = part.iter().cloned().collect();
        candle_core::safetensors::save(&part, dir.join(name)).unwrap();
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    fs::write(dir.join(format!("{stem}.safetensors.index.json")), index.to_string()).unwrap();
    fs::remove_file(whole).unwrap();
}

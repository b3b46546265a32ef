//! Which files of a repository are wanted: what its index names and this runner uses, as safetensors.

use std::path::Path;

use serde_json::Value;

use crate::models::config::{Config, unsupported};
use crate::weights::{Index, indices, single};
use crate::{Code, DrawError};

pub const INDEX: &str = "model_index.json";

/// With the name that its weights have without the ending.
const NETWORKS: [(&str, &str); 4] = [
    ("text_encoder", "model"),
    ("text_encoder_2", "model"),
    ("unet", "diffusion_pytorch_model"),
    ("vae", "diffusion_pytorch_model"),
];
/// What looks at finished pictures; without it they are drawn all the same.
const OPTIONAL: [&str; 2] = ["image_encoder", "safety_checker"];
const TOKENIZERS: [&str; 2] = ["tokenizer", "tokenizer_2"];
/// All that a tokenizer may consist of; one with the first alone is none.
const TOKENIZER_FILES: [&str; 5] =
    ["tokenizer_config.json", "tokenizer.json", "vocab.json", "merges.txt", "special_tokens_map.json"];

/// Paths of all files that are wanted but the model's index and parts of weights (see `parts`); an error names one that
/// is wanted and not listed.
pub fn wanted(index: &Config, listed: &[String]) -> Result<Vec<String>, DrawError> {
    let has = |path: &str| listed.iter().any(|listed| listed == path);
    // A part that is left out is [null, null].
    let named = |part: &str| index.get(part).and_then(|entry| entry.get(1)).and_then(Value::as_str).is_some();
    let mut files = vec!["scheduler/scheduler_config.json".to_string()];
    for part in TOKENIZERS.into_iter().filter(|part| named(part)) {
        let paths = TOKENIZER_FILES.iter().map(|file| format!("{part}/{file}"));
        files.extend(paths.enumerate().filter(|(i, path)| *i == 0 || has(path)).map(|(_, path)| path));
    }
    for (part, stem) in NETWORKS.into_iter().filter(|(part, _)| named(part)) {
        files.push(format!("{part}/config.json"));
        files.push(weights(&format!("{part}/{stem}"), has)?);
    }
    for part in OPTIONAL.into_iter().filter(|part| named(part)) {
        let config = format!("{part}/config.json");
        let weights = weights(&format!("{part}/model"), has).ok().filter(|path| has(path));
        if let Some(weights) = weights.filter(|_| has(&config)) {
            files.extend([config, weights]);
        }
    }
    match files.iter().find(|file| !has(file)) {
        Some(missing) => Err(DrawError::new(Code::ModelNotFound, format!("there is no {missing}"))),
        None => Ok(files),
    }
}

fn weights(stem: &str, has: impl Fn(&str) -> bool) -> Result<String, DrawError> {
    if let Some(path) = single(stem).into_iter().chain(indices(stem)).find(|path| has(path)) {
        return Ok(path);
    }
    if has(&format!("{stem}.bin")) || has(&format!("{}.bin", stem.replace("/model", "/pytorch_model"))) {
        return Err(unsupported(format!("{stem} only as a PyTorch file, which may run programs when it is read")));
    }
    Ok(format!("{stem}.safetensors"))
}

/// Where `file`, which is at `path`, is the index of a network's weights: paths of the files that have them.
pub fn parts(file: &str, path: &Path) -> Result<Vec<String>, DrawError> {
    let Some((part, _)) = file.split_once('/').filter(|(_, name)| name.contains(".index.")) else {
        return Ok(Vec::new());
    };
    let index = Index::read(path).map_err(|e| e.at(file))?;
    Ok(index.parts().into_iter().map(|name| format!("{part}/{name}")).collect())
}

/// What is in a directory and the directories in it, as a repository lists it.
pub fn below(dir: &Path) -> Vec<String> {
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let name = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries(dir)
        .flat_map(|outer| {
            let within = entries(&outer.path()).map(|inner| format!("{}/{}", name(&outer), name(&inner)));
            // A link to what was never loaded to its end is no file.
            let own = outer.path().is_file().then(|| name(&outer));
            within.filter(|path| dir.join(path).is_file()).chain(own).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_looks_at_pictures_is_wanted_where_it_can_be_read() {
        let index = |safety: Value| {
            serde_json::from_value::<Config>(json!({"_class_name": "X", "safety_checker": safety})).unwrap()
        };
        let named = index(json!(["stable_diffusion", "StableDiffusionSafetyChecker"]));
        let listed = |more: &[&str]| {
            let scheduler = "scheduler/scheduler_config.json";
            [scheduler].iter().chain(more).map(|path| path.to_string()).collect::<Vec<_>>()
        };
        let whole = ["safety_checker/config.json", "safety_checker/model.safetensors"];
        assert_eq!(wanted(&named, &listed(&whole)).unwrap(), listed(&whole));
        assert_eq!(wanted(&index(json!([null, null])), &listed(&whole)).unwrap(), listed(&[]));
        let pickle = listed(&["safety_checker/config.json", "safety_checker/pytorch_model.bin"]);
        assert_eq!(wanted(&named, &pickle).unwrap(), listed(&[]));
        assert_eq!(wanted(&named, &[]).unwrap_err().code, Code::ModelNotFound);
    }
}

//! `serve --model`, which may be repeated: finds the models and sees to it that they can be drawn with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::model;
use crate::checkpoint::Checkpoint;
use crate::serve::OwnModel;

/// Words in the vocabulary of CLIP, which all models in one file are made for.
const CLIP_WORDS: u64 = 49_408;

/// `[ID=]MODEL`, where MODEL may have the sign in its name.
pub fn parse(text: &str) -> (Option<domain::Id>, &str) {
    match text.split_once('=') {
        Some((id, model)) if !Path::new(text).exists() && domain::id::parse(id).is_some() => {
            (domain::id::parse(id), model)
        }
        _ => (None, text),
    }
}

/// Better said now than by every task.
pub fn find(models: &[String], tokenizer: Option<&Path>, cache: &Path) -> Result<Vec<OwnModel>> {
    let mut found: Vec<OwnModel> = Vec::with_capacity(models.len());
    for text in models {
        let (id, model) = parse(text);
        let path = std::path::absolute(model::locate(model, cache)?)?;
        if path.is_file() {
            Checkpoint::open(&path, tokenizer).map_err(|e| e.at(path.display()))?;
        } else {
            ensure!(path.join("model_index.json").is_file(), "{model} is not a model directory");
        }
        let other = found.iter().any(|own| own.path == path || id.is_some() && own.id == id);
        ensure!(!other, "{text} is given twice");
        found.push(OwnModel { path, id });
    }
    Ok(found)
}

/// A model whose vocabulary is CLIP's, for those of the edge, which have none.
pub fn vocabulary(models: &[OwnModel]) -> Option<PathBuf> {
    let has = |dir: &Path| {
        let config = fs::read(dir.join("text_encoder/config.json")).ok()?;
        let config: Value = serde_json::from_slice(&config).ok()?;
        let words = config.get("vocab_size").and_then(Value::as_u64);
        (words == Some(CLIP_WORDS) && dir.join("tokenizer/tokenizer_config.json").is_file()).then_some(())
    };
    models.iter().find(|own| has(&own.path).is_some()).map(|own| own.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_be_said_to_be_one_of_the_edges() {
        for (text, expected) in [
            ("7=sd/dir", (Some(7), "sd/dir")),
            ("sd/dir", (None, "sd/dir")),
            ("a=b", (None, "a=b")),
            ("0=b", (None, "0=b")),
            ("7=a=b", (Some(7), "a=b")),
        ] {
            assert_eq!(parse(text), expected);
        }
    }

    #[test]
    fn the_vocabulary_is_that_of_clip_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let own = |name: &str, words: u64| {
            let path = dir.path().join(name);
            for part in ["tokenizer", "text_encoder"] {
                fs::create_dir_all(path.join(part)).unwrap();
            }
            fs::write(path.join("tokenizer/tokenizer_config.json"), "{}").unwrap();
            let config = serde_json::json!({ "vocab_size": words });
            fs::write(path.join("text_encoder/config.json"), config.to_string()).unwrap();
            OwnModel { path, id: None }
        };
        let (small, clip) = (own("small", 300), own("clip", CLIP_WORDS));
        let file = OwnModel { path: dir.path().join("a.safetensors"), id: None };
        assert_eq!(vocabulary(&[file.clone(), small.clone(), clip.clone()]), Some(clip.path));
        assert_eq!(vocabulary(&[file, small]), None);
    }

    #[test]
    fn what_is_no_model_or_given_twice_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("model_index.json"), "{}").unwrap();
        let text = dir.path().display().to_string();
        let found = find(&[format!("7={text}")], None, dir.path()).unwrap();
        assert_eq!(found, [OwnModel { path: dir.path().into(), id: Some(7) }]);
        for (models, expected) in
            [(vec!["no/such/place".to_owned()], "not a model directory"), (vec![text.clone(), text], "given twice")]
        {
            assert!(find(&models, None, dir.path()).unwrap_err().to_string().contains(expected));
        }
    }
}

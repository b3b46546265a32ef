//! Prompt → token ids, by the files of a model's `tokenizer` directory.
//!
//! `tokenizer.json` is taken where it is; otherwise the pipeline of CLIP's tokenizer is put together around
//! `vocab.json` and `merges.txt`. It works on bytes: every Unicode text has tokens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde_json::{Value, json};

use crate::models::config::Config;
use crate::{Code, DrawError};

/// CLIP's words, as published with it; all else in them is bytes.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// The files of a tokenizer's directory that are looked at.
pub const FILES: [&str; 5] =
    ["tokenizer_config.json", "special_tokens_map.json", "tokenizer.json", "vocab.json", "merges.txt"];
/// A vocabulary of 50,000 words is 3 MB.
const MAX_BYTES: u64 = 64 << 20;
/// Longer prompts are cut here before they are split into tokens; the API takes none of this length.
const MAX_CHARS: usize = 10_000;

pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    start: u32,
    end: u32,
    pad: u32,
    comma: Option<u32>,
    length: usize,
}

impl Tokenizer {
    /// `length` is the number of positions and `words` the number of embeddings that the text encoder has.
    pub fn load(dir: &Path, length: usize, words: usize) -> Result<Self, DrawError> {
        let settings = Config::read(&dir.join("tokenizer_config.json"))?;
        let special = match dir.join("special_tokens_map.json") {
            path if path.is_file() => Some(Config::read(&path)?),
            _ => None,
        };
        let token = |key: &str, default: &str| {
            let set = special.as_ref().and_then(|s| content(s.get(key)?)).or_else(|| content(settings.get(key)?));
            set.unwrap_or_else(|| default.to_string())
        };
        let (start, end) = (token("bos_token", "<|startoftext|>"), token("eos_token", "<|endoftext|>"));
        let (unknown, pad) = (token("unk_token", &end), token("pad_token", &end));
        let single = dir.join("tokenizer.json");
        let json =
            if single.is_file() { read(&single)? } else { assemble(dir, &[&start, &end, &unknown, &pad], &unknown)? };
        // The crate checks its input, but not everywhere.
        let mut inner = catch_unwind(AssertUnwindSafe(|| tokenizers::Tokenizer::from_bytes(&json)))
            .map_err(|_| invalid("the definition is not usable"))?
            .map_err(|e| invalid(e.to_string()))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| invalid(e.to_string()))?;
        if let Some((word, id)) = inner.get_vocab(true).into_iter().find(|(_, id)| *id as usize >= words) {
            return Err(invalid(format!("{word:?} has id {id}, the text encoder only {words} embeddings")));
        }
        let id = |token: &str| {
            inner.token_to_id(token).ok_or_else(|| invalid(format!("{token:?} is not in the vocabulary")))
        };
        let (start, end, pad) = (id(&start)?, id(&end)?, id(&pad)?);
        let own = settings.get("model_max_length").and_then(Value::as_f64).unwrap_or(f64::MAX);
        let length = if own >= 3.0 && own < length as f64 { own as usize } else { length };
        let comma = inner.token_to_id(",</w>");
        Ok(Self { inner, start, end, pad, comma, length })
    }

    /// With this word after the end of a text, or with the end again.
    pub fn padded(self, word: Option<u32>) -> Self {
        Self { pad: word.unwrap_or(self.end), ..self }
    }

    /// How many ids `encode` gives.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The comma as a word of its own, in vocabularies that have it.
    pub fn comma(&self) -> Option<u32> {
        self.comma
    }

    /// What is looked at of a prompt.
    pub fn cut<'a>(&self, prompt: &'a str) -> &'a str {
        prompt.char_indices().nth(MAX_CHARS).map_or(prompt, |(cut, _)| &prompt[..cut])
    }

    /// Start, the words as far as they fit, end, padding.
    pub fn encode(&self, prompt: &str) -> Result<Vec<u32>, DrawError> {
        Ok(self.frame(self.words(self.cut(prompt))?))
    }

    /// All words of a text, and nothing around them.
    pub fn words(&self, text: &str) -> Result<Vec<u32>, DrawError> {
        let words = catch_unwind(AssertUnwindSafe(|| self.inner.encode(text, false)))
            .map_err(|_| invalid("a prompt can't be split"))?
            .map_err(|e| invalid(e.to_string()))?;
        Ok(words.get_ids().to_vec())
    }

    /// Start, these as far as they fit, end, padding.
    pub fn frame(&self, words: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let words = words.into_iter().take(self.length - 2);
        let mut ids: Vec<u32> = std::iter::once(self.start).chain(words).chain([self.end]).collect();
        ids.resize(self.length, self.pad);
        ids
    }
}

/// The definition that the reference derives from the two files.
fn assemble(dir: &Path, special: &[&str], unknown: &str) -> Result<Vec<u8>, DrawError> {
    let vocab: serde_json::Map<String, Value> =
        serde_json::from_slice(&read(&dir.join("vocab.json"))?).map_err(|e| invalid(format!("vocab.json: {e}")))?;
    let merges = String::from_utf8(read(&dir.join("merges.txt"))?).map_err(|e| invalid(format!("merges.txt: {e}")))?;
    let merges: Vec<&str> = merges.lines().filter(|line| !line.is_empty() && !line.starts_with("#version")).collect();
    let mut added: Vec<Value> = Vec::new();
    for token in special {
        let id = vocab.get(*token).ok_or_else(|| invalid(format!("{token:?} is not in vocab.json")))?;
        if !added.iter().any(|a| a["content"] == **token) {
            added.push(json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": true, "special": true}));
        }
    }
    let definition = json!({
        "version": "1.0", "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
        "model": {"type": "BPE", "unk_token": unknown, "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
            "fuse_unk": false, "vocab": vocab, "merges": merges},
    });
    Ok(definition.to_string().into_bytes())
}

/// Tokens are written as text or as an object around it.
fn content(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_string)
}

fn read(path: &Path) -> Result<Vec<u8>, DrawError> {
    let missing = |e: std::io::Error| DrawError::new(Code::ModelNotFound, e.to_string()).at(path.display());
    if std::fs::metadata(path).map_err(missing)?.len() > MAX_BYTES {
        return Err(invalid(format!("{} is too large", path.display())));
    }
    std::fs::read(path).map_err(missing)
}

fn invalid(message: impl Into<String>) -> DrawError {
    DrawError::new(Code::TokenizerInvalid, message).at("tokenizer")
}

//! Reading and checking configuration files.
//!
//! A configuration is hostile until checked: what a network later multiplies, loops over or divides by is bounded here.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Code, DrawError};

/// No configuration of a real model comes near. Tokenizer files are larger and read elsewhere.
const MAX_BYTES: u64 = 1 << 20;

/// Width of any layer, length of any sequence.
pub const WIDTH: RangeInclusive<usize> = 1..=65_536;
/// Number of layers, blocks, heads or groups.
pub const COUNT: RangeInclusive<usize> = 1..=1_024;

/// One configuration file: its keys, and what to say when one is wrong.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Config {
    keys: Map<String, Value>,
}

impl Config {
    pub fn read(path: &Path) -> Result<Self, DrawError> {
        let unreadable = |e: std::io::Error| DrawError::new(Code::ModelNotFound, e.to_string()).at(path.display());
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > MAX_BYTES {
            return Err(invalid(format!("{length} bytes are too many for a configuration")).at(path.display()));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        Self::read_text(&text).map_err(|e| e.at(path.display()))
    }

    fn read_text(text: &[u8]) -> Result<Self, DrawError> {
        serde_json::from_slice(text)
            // The tool that wrote it may have written what is not JSON; tried second, as hardly any file has one.
            .or_else(|_| serde_json::from_slice(&quote_infinities(text)))
            .map(|keys| Self { keys })
            .map_err(|e| invalid(format!("not a JSON object: {e}")))
    }

    /// The value of a key from now on.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.keys.insert(key.to_owned(), value.into());
    }

    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DrawError> {
        // A key set to null means its default, as in the reference.
        let keys = self.keys.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
        serde_json::from_value(Value::Object(keys)).map_err(|e| invalid(e.to_string()))
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|v| !v.is_null())
    }

    /// Refuses any value but the one that the code implements. Absent and null are fine.
    pub fn only(&self, key: &str, supported: impl Into<Value>) -> Result<(), DrawError> {
        let supported = supported.into();
        match self.get(key) {
            Some(value) if !same(value, &supported) => {
                Err(unsupported(format!("{key} = {value} (only {supported} is supported)")))
            }
            _ => Ok(()),
        }
    }
}

/// Python writes `-Infinity` where JSON has no word, as for `lambda_min_clipped` of every DPMSolverMultistepScheduler:
/// it becomes a string, which only who expects it will take.
fn quote_infinities(text: &[u8]) -> Vec<u8> {
    const WORD: &[u8] = b"-Infinity";
    let (mut out, mut rest, mut quoted) = (Vec::with_capacity(text.len() + 2), text, false);
    while let Some((&byte, after)) = rest.split_first() {
        if let (false, Some(after)) = (quoted, rest.strip_prefix(WORD)) {
            out.extend_from_slice(b"\"-Infinity\"");
            rest = after;
            continue;
        }
        out.push(byte);
        rest = after;
        match (byte, rest.split_first()) {
            (b'"', _) => quoted = !quoted,
            (b'\\', Some((&escaped, after))) => {
                out.push(escaped);
                rest = after;
            }
            _ => {}
        }
    }
    out
}

/// Numbers by value: 1 and 1.0 are written by different versions of the same tool.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// One value for all levels, or one for each.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum PerLevel<T> {
    All(T),
    Each(Vec<T>),
}

impl<T: Clone> PerLevel<T> {
    pub fn expand(&self, name: &str, levels: usize) -> Result<Vec<T>, DrawError> {
        match self {
            PerLevel::All(value) => Ok(vec![value.clone(); levels]),
            PerLevel::Each(values) if values.len() == levels => Ok(values.clone()),
            PerLevel::Each(values) => Err(invalid(format!("{name} has {} entries for {levels} levels", values.len()))),
        }
    }
}

pub fn within(name: &str, value: usize, range: RangeInclusive<usize>) -> Result<usize, DrawError> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(invalid(format!("{name} = {value} is not within {} to {}", range.start(), range.end())))
    }
}

pub fn divides(part: (&str, usize), whole: (&str, usize)) -> Result<(), DrawError> {
    if part.1 != 0 && whole.1.is_multiple_of(part.1) {
        Ok(())
    } else {
        Err(invalid(format!("{} = {} is not a multiple of {} = {}", whole.0, whole.1, part.0, part.1)))
    }
}

/// An epsilon or a factor: finite and above zero.
pub fn positive(name: &str, value: f64) -> Result<f64, DrawError> {
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(invalid(format!("{name} = {value} is not above 0"))) }
}

pub fn invalid(message: String) -> DrawError {
    DrawError::new(Code::ModelConfigInvalid, message)
}

pub fn unsupported(message: String) -> DrawError {
    DrawError::new(Code::ModelUnsupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_as_python_writes_them_are_read_as_words() {
        let config = Config::read_text(br#"{"a": -Infinity, "b": "\"-Infinity", "c": [-Infinity,1]}"#).unwrap();
        assert_eq!(config.get("a").and_then(Value::as_str), Some("-Infinity"));
        assert_eq!(config.get("b").and_then(Value::as_str), Some("\"-Infinity"));
        assert_eq!(config.get("c").map(Value::to_string).as_deref(), Some(r#"["-Infinity",1]"#));
        for broken in [&b"{\"a\": Infinity}"[..], b"-Infinity", b"{\"a\": NaN}", b"{\"a\\", b"{-Infinity"] {
            assert_eq!(Config::read_text(broken).unwrap_err().code, Code::ModelConfigInvalid);
        }
    }
}

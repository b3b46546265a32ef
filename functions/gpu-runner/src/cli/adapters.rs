//! `--lora FILE:WEIGHT` and its like: a file, and what follows the last colon. A file that is named with its colon is
//! taken as it is.

use std::path::{Path, PathBuf};

/// FILE[:WEIGHT], by default 1.
pub fn weighted(text: &str) -> Result<(PathBuf, f64), String> {
    match split(text) {
        None => Ok((text.into(), 1.0)),
        Some((file, weight)) => match weight.parse() {
            Ok(weight) => Ok((file.into(), weight)),
            Err(_) => Err(format!("{weight:?} is no number")),
        },
    }
}

/// FILE[:TOKEN].
pub fn worded(text: &str) -> Result<(PathBuf, Option<String>), String> {
    match split(text) {
        None => Ok((text.into(), None)),
        Some((_, "")) => Err("there is nothing after the colon".into()),
        Some((file, token)) => Ok((file.into(), Some(token.to_string()))),
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    if Path::new(text).exists() { None } else { text.rsplit_once(':') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_last_colon_is_no_part_of_the_file() {
        assert_eq!(weighted("a/b.safetensors"), Ok(("a/b.safetensors".into(), 1.0)));
        assert_eq!(weighted("a:b.st:-0.5"), Ok(("a:b.st".into(), -0.5)));
        assert!(weighted("a:b").is_err());
        assert_eq!(worded("a.st:<貓>"), Ok(("a.st".into(), Some("<貓>".into()))));
        assert_eq!(worded("a.st"), Ok(("a.st".into(), None)));
        assert!(worded("a.st:").is_err());
    }
}

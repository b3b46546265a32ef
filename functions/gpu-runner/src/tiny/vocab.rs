//! The vocabulary of the tiny models: all bytes, so that any text has tokens, and some words that prompts often have.

use serde_json::Value;

use super::configs::{END, START};

const WORDS: &str = "a an and art at background big black blue bright brown car cat city cloud cloudy cute dark day \
     detailed digital dog drawing fantasy fire flower forest fox girl golden gray green high house in landscape light \
     man mountain night oil old on orange painting paper person photo photorealistic picture pink portrait purple \
     quality rain red river sea sky small snow soft star style sun sunset the tree under watercolor white with woman \
     yellow 8k , .";

/// Pairs that merge, first to last: every word is put together from its front.
fn merges() -> Vec<(String, String)> {
    let mut merges: Vec<(String, String)> = Vec::new();
    for word in WORDS.split_whitespace() {
        let last = word.chars().count() - 1;
        let mut parts =
            word.chars().enumerate().map(|(i, c)| if i == last { format!("{c}</w>") } else { c.to_string() });
        let Some(mut front) = parts.next() else { continue };
        for part in parts {
            let merged = format!("{front}{part}");
            let pair = (front, part);
            if !merges.contains(&pair) {
                merges.push(pair);
            }
            front = merged;
        }
    }
    merges
}

/// Words by id: bytes, bytes at the end of a word, what merges make, start and end; like CLIP's.
pub fn vocabulary() -> Vec<String> {
    let bytes = byte_letters();
    let mut words: Vec<String> = bytes.iter().map(char::to_string).collect();
    words.extend(bytes.iter().map(|c| format!("{c}</w>")));
    words.extend(merges().into_iter().map(|(a, b)| a + &b));
    words.extend([START.to_string(), END.to_string()]);
    words
}

pub fn as_json(words: &[String]) -> Value {
    Value::Object(words.iter().enumerate().map(|(id, word)| (word.clone(), Value::from(id))).collect())
}

pub fn merges_file() -> String {
    let lines = merges().into_iter().map(|(a, b)| format!("{a} {b}\n"));
    std::iter::once("#version: 0.2\n".to_string()).chain(lines).collect()
}

/// A printable letter for each byte (Radford et al. 2019): itself where it has one, else from U+0100 on.
pub fn byte_letters() -> Vec<char> {
    let printable = |b: u8| matches!(b, 33..=126 | 161..=172 | 174..=255);
    let themselves = (0..=255u8).filter(|b| printable(*b)).map(char::from);
    let substitutes = (0..=255u8).filter(|b| !printable(*b)).zip('\u{100}'..).map(|(_, letter)| letter);
    themselves.chain(substitutes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_word_has_one_id() {
        let words = vocabulary();
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
        assert_eq!(words[0], "!", "padding of the sd2 layout");
    }
}

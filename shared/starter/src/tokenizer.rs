//! The words of the starter model: CLIP's tokenizer with a small vocabulary.
//!
//! Each English word of the captions is one token, each Chinese character two: within a text without spaces and at its
//! end, as byte pair encoding (Sennrich et al. 2016) has it. All other text falls to bytes, so that any passes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use gpu_runner::tiny::vocab::{as_json, byte_letters};
use serde_json::{Value, json};

/// Start, words and end together: the longest caption has some four fifths of it. Longer prompts come in chunks.
pub const LENGTH: usize = 32;

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Of a token that ends a word.
const ENDING: &str = "</w>";

/// Those of the captions, and some that people add to them.
const WORDS: &str = "a an the of in on at to by with and is there picture drawing background sky \
    red orange yellow green blue purple pink white black \
    circle square triangle star heart tree house sun moon cloud fish flower boat \
    day sunset night sea grass small little large big left right top bottom center centre middle side \
    above over below under , . ， 。";
const CHARACTERS: &str = "的一个個颗顆棵座轮輪朵条條艘在是有和上下左右中间間央顶頂底部方边邊侧側面小大背景\
    红紅橙橘黄黃绿綠蓝藍紫粉白黑色圆圓形正块塊三角星五心爱愛树樹房子屋太阳陽月亮云雲鱼魚花船帆\
    天空日落时時夕夜晚海草地";

/// What the files of a tokenizer are made from.
pub struct Vocabulary {
    /// Tokens by id: bytes, bytes that end a word, what the merges make, start and end, as CLIP's are.
    pub tokens: Vec<String>,
    /// Pairs that become one token, first come first merged.
    pub merges: Vec<(String, String)>,
}

impl Vocabulary {
    /// Each word in turn is split by the merges so far and its pieces joined from the front. Merges that come later
    /// never change it: while it is not one token, one of its own, which go first, applies.
    pub fn new() -> Self {
        let (letters, spelling) = (byte_letters(), spelling());
        let spelled = |word: &str| -> Vec<String> {
            word.bytes().filter_map(|byte| spelling.get(&byte)).map(char::to_string).collect()
        };
        let mut merges = Merges::default();
        for character in CHARACTERS.chars() {
            let within = spelled(character.encode_utf8(&mut [0; 4]));
            merges.add(within.clone());
            merges.add(ended(within));
        }
        WORDS.split_whitespace().for_each(|word| merges.add(ended(spelled(word))));
        let mut tokens: Vec<String> = letters.iter().map(char::to_string).collect();
        tokens.extend(letters.iter().map(|letter| format!("{letter}{ENDING}")));
        tokens.extend(merges.all.iter().map(|(front, back)| format!("{front}{back}")));
        tokens.extend([START.to_string(), END.to_string()]);
        Self { tokens, merges: merges.all }
    }

    /// `vocab.json`, `merges.txt` and `tokenizer_config.json`, the files that both this project's loader and
    /// transformers take.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let put = |name: &str, text: String| {
            let path = dir.join(name);
            fs::write(&path, text).with_context(|| path.display().to_string())
        };
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        put("vocab.json", serde_json::to_string(&as_json(&self.tokens))? + "\n")?;
        let merges: String = self.merges.iter().map(|(front, back)| format!("{front} {back}\n")).collect();
        put("merges.txt", format!("#version: 0.2\n{merges}"))?;
        put("tokenizer_config.json", serde_json::to_string_pretty(&settings())? + "\n")
    }
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::new()
    }
}

fn settings() -> Value {
    json!({
        "tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "bos_token": START, "eos_token": END,
        "unk_token": END, "pad_token": END,
    })
}

/// The letter that stands for each byte: its own where it has one, and the others follow.
fn spelling() -> HashMap<u8, char> {
    let letters = byte_letters();
    let (own, others): (Vec<u8>, Vec<u8>) = (0..=255).partition(|byte| letters.contains(&char::from(*byte)));
    own.into_iter().chain(others).zip(letters).collect()
}

fn ended(mut letters: Vec<String>) -> Vec<String> {
    if let Some(last) = letters.last_mut() {
        last.push_str(ENDING);
    }
    letters
}

#[derive(Default)]
struct Merges {
    all: Vec<(String, String)>,
    ranks: HashMap<(String, String), usize>,
}

impl Merges {
    fn add(&mut self, word: Vec<String>) {
        let mut pieces = self.split(word).into_iter();
        let Some(mut front) = pieces.next() else { return };
        for piece in pieces {
            let merged = format!("{front}{piece}");
            let pair = (front, piece);
            self.ranks.entry(pair.clone()).or_insert(self.all.len());
            self.all.push(pair);
            front = merged;
        }
    }

    /// By the merges so far, the first of them that fits anywhere before the others.
    fn split(&self, mut pieces: Vec<String>) -> Vec<String> {
        let rank = |pair: &[String]| self.ranks.get(&(pair[0].clone(), pair[1].clone())).copied();
        while let Some((_, at)) = pieces.windows(2).enumerate().filter_map(|(at, pair)| Some((rank(pair)?, at))).min() {
            let back = pieces.remove(at + 1);
            pieces[at].push_str(&back);
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captions;
    use crate::scene::{Mix, Part, Scene};
    use gpu_runner::tokenizer::Tokenizer;
    use std::collections::HashSet;

    fn loaded() -> (tempfile::TempDir, Vocabulary, Tokenizer) {
        let dir = tempfile::TempDir::new().unwrap();
        let vocabulary = Vocabulary::new();
        vocabulary.write(dir.path()).unwrap();
        let tokenizer = Tokenizer::load(dir.path(), LENGTH, vocabulary.tokens.len()).unwrap();
        (dir, vocabulary, tokenizer)
    }

    #[test]
    fn words_and_characters_are_tokens() {
        let (_dir, vocabulary, tokenizer) = loaded();
        assert_eq!(vocabulary.tokens.iter().collect::<HashSet<_>>().len(), vocabulary.tokens.len());
        assert_eq!(tokenizer.length(), LENGTH);
        for word in WORDS.split_whitespace() {
            assert_eq!(tokenizer.words(word).unwrap().len(), 1, "{word}");
        }
        for character in CHARACTERS.chars() {
            let (alone, within) = (tokenizer.words(&character.to_string()), tokenizer.words(&format!("{character}的")));
            let (alone, within) = (alone.unwrap(), within.unwrap());
            assert_eq!((alone.len(), within.len()), (1, 2), "{character}");
            assert_ne!(alone[0], within[0], "{character}: its end is a token of its own");
        }
    }

    #[test]
    fn captions_fit_and_use_no_bytes() {
        let (_dir, vocabulary, tokenizer) = loaded();
        let mut used = HashSet::new();
        let mut longest = 0;
        for seed in 0..6000 {
            let scene = Scene::sample(seed, Mix { part: Part::Training, pairs: 0.4 });
            let caption = captions::any(&scene, seed);
            let ids = tokenizer.words(&caption).unwrap();
            longest = longest.max(ids.len() + 2);
            for id in ids {
                let token = &vocabulary.tokens[id as usize];
                // Of the bytes only what is a word, and the letter of no character.
                assert!(id >= 512 || [",</w>", "a</w>"].contains(&token.as_str()), "{caption}: {token}");
                used.insert(id);
            }
        }
        assert!(longest <= LENGTH * 4 / 5, "{longest}");
        assert!(used.len() > 150, "{}", used.len());
    }

    #[test]
    fn any_text_passes() {
        let (_dir, _, tokenizer) = loaded();
        for text in
            ["", "a photo of Ein Wörtchen", "龍🐉\u{0}\u{200d}", "ｆｕｌｌ　ｗｉｄｔｈ", "١٢٣", &"x".repeat(20_000)]
        {
            assert_eq!(tokenizer.encode(text).unwrap().len(), LENGTH);
        }
        assert!(tokenizer.words("龍").unwrap().len() == 3);
    }
}

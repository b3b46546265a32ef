//! Prompts longer than the text encoder, the way of AUTOMATIC1111's web UI: chunks of what fits between start and end,
//! each encoded on its own. A chunk that would be cut within 20 tokens after a comma ends at the comma.

use super::emphasis::{Part, parse};
use super::learned::{Learned, Piece, pieces};
use crate::DrawError;
use crate::tokenizer::Tokenizer;

/// How far back a comma is looked for; the original's default.
const BACKTRACK: usize = 20;
/// What comes after this many chunks is left out: each makes every step longer. 32 are 2,400 tokens, more than the
/// longest prompt has in most languages.
const MAX_CHUNKS: usize = 32;

/// As many ids as the text encoder has positions, and how much the vector of each counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    pub ids: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Chunk {
    /// Whether no word counts more or less than the others.
    pub fn plain(&self) -> bool {
        self.weights.iter().all(|weight| *weight == 1.0)
    }
}

/// At least one; a prompt that fits and has no brackets gives what `Tokenizer::encode` gives.
pub fn chunks(prompt: &str, tokenizer: &Tokenizer, learned: &[Learned]) -> Result<Vec<Chunk>, DrawError> {
    let mut filling = Filling { tokenizer, words: Vec::new(), comma: None, done: Vec::new() };
    for part in parse(tokenizer.cut(prompt)) {
        match part {
            Part::Break => filling.end(),
            Part::Text(text, weight) => {
                for piece in pieces(&text, learned) {
                    match piece {
                        Piece::Word(word) => filling.vectors(word, weight as f32),
                        Piece::Text(text) => {
                            tokenizer.words(text)?.into_iter().for_each(|id| filling.word(id, weight as f32));
                        }
                    }
                }
            }
        }
    }
    if !filling.words.is_empty() || filling.done.is_empty() {
        filling.end();
    }
    Ok(filling.done)
}

/// Ids of a text that is words alone, without emphasis: of a caption. What does not fit is left out.
pub fn plain(text: &str, tokenizer: &Tokenizer, learned: &[Learned]) -> Result<Vec<u32>, DrawError> {
    let mut words = Vec::new();
    for piece in pieces(tokenizer.cut(text), learned) {
        match piece {
            Piece::Word(word) => words.extend(word.first..word.first.saturating_add(word.vectors)),
            Piece::Text(text) => words.extend(tokenizer.words(text)?),
        }
    }
    Ok(tokenizer.frame(words))
}

struct Filling<'a> {
    tokenizer: &'a Tokenizer,
    /// Of the chunk at hand.
    words: Vec<(u32, f32)>,
    /// Where in it the last comma is.
    comma: Option<usize>,
    done: Vec<Chunk>,
}

impl Filling<'_> {
    fn room(&self) -> usize {
        self.tokenizer.length() - 2
    }

    fn word(&mut self, id: u32, weight: f32) {
        if Some(id) == self.tokenizer.comma() && self.words.len() < self.room() {
            self.comma = Some(self.words.len());
        }
        self.make_room(1, Some(id) == self.tokenizer.comma());
        self.words.push((id, weight));
    }

    /// All vectors of a word stay together.
    fn vectors(&mut self, word: &Learned, weight: f32) {
        self.make_room(word.vectors as usize, false);
        self.words.extend((0..word.vectors).map(|i| (word.first + i, weight)));
    }

    fn make_room(&mut self, count: usize, comma: bool) {
        let room = self.room();
        if let Some(last) = self.comma.filter(|last| self.words.len() == room && !comma && room - last <= BACKTRACK) {
            let moved = self.words.split_off(last + 1);
            self.end();
            self.words = moved;
        }
        if self.words.len() + count > room && !self.words.is_empty() {
            self.end();
        }
    }

    fn end(&mut self) {
        let words = std::mem::take(&mut self.words);
        self.comma = None;
        if self.done.len() < MAX_CHUNKS {
            let mut weights = vec![1.0; self.tokenizer.length()];
            weights.iter_mut().skip(1).zip(&words).for_each(|(weight, (_, given))| *weight = *given);
            let ids = self.tokenizer.frame(words.into_iter().map(|(id, _)| id));
            self.done.push(Chunk { ids, weights });
        }
    }
}

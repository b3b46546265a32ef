//! Set of ids as bits, for filters of a search. Must not know why an id is in it.

use std::ops::Range;

/// Set of ids in a range: one bit for each id of the range, in the set or not.
#[derive(Clone, Debug, Default)]
pub struct IdBitmap {
    start: u64,
    words: Vec<u64>,
}

impl IdBitmap {
    /// Empty set for ids in `range`; allocates an eighth byte an id.
    pub fn new(range: Range<u64>) -> Self {
        let words = range.end.saturating_sub(range.start).div_ceil(64);
        Self { start: range.start, words: vec![0; usize::try_from(words).unwrap_or(0)] }
    }

    /// Adds an id. Returns false, and adds nothing, outside the range.
    pub fn insert(&mut self, id: u64) -> bool {
        let Some((word, bit)) = self.place(id) else { return false };
        self.words.get_mut(word).map(|word| *word |= bit).is_some()
    }

    /// Removes an id.
    pub fn remove(&mut self, id: u64) {
        if let Some((word, bit)) = self.place(id)
            && let Some(word) = self.words.get_mut(word)
        {
            *word &= !bit;
        }
    }

    /// True when the id is in the set.
    pub fn contains(&self, id: u64) -> bool {
        let Some((word, bit)) = self.place(id) else { return false };
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Word and bit of an id; the word may not exist.
    fn place(&self, id: u64) -> Option<(usize, u64)> {
        let offset = id.checked_sub(self.start)?;
        Some((usize::try_from(offset / 64).ok()?, 1 << (offset % 64)))
    }
}

//! Index of codes in memory: insert, remove, the nearest by Hamming distance, storage in chunks. Must not know
//! embeddings or storage engines.
//!
//! Search reads every code: 64 bytes a row, in order, so memory bandwidth bounds it. There is no graph to maintain, a
//! removal is a swap, and a filter costs nothing until a row is near. Memory is 78 to 83 bytes a row: code 64, id 8,
//! position table 5.3 to 10.7.

mod bitmap;
mod checksum;
mod chunk;
pub(crate) mod hamming;
mod hits;
mod positions;
mod storage;

pub use bitmap::IdBitmap;
pub use chunk::CHUNK_ROWS;
pub use hits::{Hit, merge};
pub use storage::{CHUNK_BYTES, FORMAT_VERSION};

use chunk::Chunk;
use hits::Nearest;
use positions::Positions;

use crate::codes::{Code, Encoder, Query};
use crate::rerank::{self, Scored};
use crate::{Error, MAX_ID};

/// Codes with ids, in chunks of [`CHUNK_ROWS`]; growing never copies codes.
#[derive(Debug)]
pub struct Index {
    /// Identity of the encoder of all codes.
    fingerprint: u64,
    chunks: Vec<Chunk>,
    positions: Positions,
    /// Chunks changed since [`Index::take_changed`], a flag for each; longer than `chunks` after removals.
    changed: Vec<bool>,
}

impl Index {
    /// Empty index for codes of `encoder`.
    pub fn new(encoder: &Encoder) -> Self {
        Self::with_fingerprint(encoder.fingerprint())
    }

    fn with_fingerprint(fingerprint: u64) -> Self {
        Self { fingerprint, chunks: Vec::new(), positions: Positions::default(), changed: Vec::new() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Code of an id.
    pub fn get(&self, id: u64) -> Option<&Code> {
        let row = self.positions.get(id, |row| id_at(&self.chunks, row))?;
        let (chunk, place) = place(row);
        self.chunks.get(chunk)?.codes.get(place)
    }

    /// Inserts a code, or replaces the code of an id that is there. Returns true when the id is new.
    ///
    /// # Errors
    /// [`Error::Id`] above [`MAX_ID`]; [`Error::Full`].
    pub fn insert(&mut self, id: u64, code: Code) -> Result<bool, Error> {
        if id > MAX_ID {
            return Err(Error::Id);
        }
        if let Some(row) = self.positions.get(id, |row| id_at(&self.chunks, row)) {
            let (chunk, place) = place(row);
            if let Some(stored) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.codes.get_mut(place)) {
                *stored = code;
            }
            self.mark(chunk);
            return Ok(false);
        }
        let row = u32::try_from(self.len()).ok().filter(|row| *row < u32::MAX).ok_or(Error::Full)?;
        let (chunk, _) = place(row);
        if chunk == self.chunks.len() {
            self.chunks.push(Chunk::new());
        }
        if let Some(chunk) = self.chunks.get_mut(chunk) {
            chunk.push(id, code);
        }
        self.positions.insert(id, row, |row| id_at(&self.chunks, row));
        self.mark(chunk);
        Ok(true)
    }

    /// Removes an id; the last row takes its place. Returns false when the id is not there.
    pub fn remove(&mut self, id: u64) -> bool {
        let ids = |row| id_at(&self.chunks, row);
        let Some(row) = self.positions.remove(id, ids) else { return false };
        let last = u32::try_from(self.len()).unwrap_or(u32::MAX);
        if row != last {
            self.positions.relocate(ids(last), row, ids);
        }
        let (last_chunk, _) = place(last);
        let Some((id, code)) = self.chunks.get_mut(last_chunk).and_then(Chunk::pop) else { return false };
        if self.chunks.last().is_some_and(|chunk| chunk.ids.is_empty()) {
            self.chunks.pop();
        }
        self.mark(last_chunk);
        if row != last {
            let (chunk, place) = place(row);
            if let Some(chunk) = self.chunks.get_mut(chunk) {
                chunk.set(place, id, code);
            }
            self.mark(chunk);
        }
        true
    }

    /// The `k` rows nearest to `query` that pass the filter, by distance, then by id descending.
    ///
    /// The filter is asked only for rows that are near enough to count. `|_| true` accepts all rows.
    pub fn search(&self, query: &Code, k: usize, mut filter: impl FnMut(u64) -> bool) -> Vec<Hit> {
        let mut nearest = Nearest::new(k.min(self.len()));
        let mut distances = [0u16; CHUNK_ROWS];
        for chunk in &self.chunks {
            hamming::distances(query, &chunk.codes, &mut distances);
            for (distance, id) in distances.iter().zip(&chunk.ids) {
                if nearest.may_take(*distance) {
                    nearest.offer(*distance, *id, &mut filter);
                }
            }
        }
        nearest.into_hits()
    }

    /// The `k` hits whose codes score best for a query ([`Query::score`]), best first, equal scores by id descending.
    ///
    /// A step between a wide search by Hamming distance and re-ranking, since full vectors are dear to fetch: half as
    /// many of them give the same recall. Hits whose id is no longer there are left out.
    pub fn refine(&self, query: &Query, hits: &[Hit], k: usize) -> Vec<Scored> {
        let score = |hit: &Hit| Some(Scored { id: hit.id, score: query.score(self.get(hit.id)?) });
        rerank::merge([hits.iter().filter_map(score)], k)
    }

    /// Records that a chunk differs from its stored bytes.
    fn mark(&mut self, chunk: usize) {
        if self.changed.len() <= chunk {
            self.changed.resize(chunk + 1, false);
        }
        if let Some(changed) = self.changed.get_mut(chunk) {
            *changed = true;
        }
    }
}

/// Chunk and place in it of a row.
fn place(row: u32) -> (usize, usize) {
    (row as usize / CHUNK_ROWS, row as usize % CHUNK_ROWS)
}

/// Id of a row; above [`MAX_ID`] where there is none.
fn id_at(chunks: &[Chunk], row: u32) -> u64 {
    let (chunk, place) = place(row);
    chunks.get(chunk).and_then(|chunk| chunk.ids.get(place)).copied().unwrap_or(u64::MAX)
}

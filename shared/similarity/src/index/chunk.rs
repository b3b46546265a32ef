//! Chunk: a fixed number of rows, the unit of memory and of storage. Must not know where in the index it lies.

use crate::codes::Code;

/// Rows of a chunk. Stored, a full one has [`CHUNK_BYTES`](super::CHUNK_BYTES), less than the 128 KiB that a value in
/// the key-value storage of a Durable Object may have.
pub const CHUNK_ROWS: usize = 1024;

/// Rows as two columns of equal length.
#[derive(Debug)]
pub(super) struct Chunk {
    pub ids: Vec<u64>,
    pub codes: Vec<Code>,
}

impl Chunk {
    /// Empty chunk; allocates the whole chunk, so that pushing does not.
    pub fn new() -> Self {
        Self { ids: Vec::with_capacity(CHUNK_ROWS), codes: Vec::with_capacity(CHUNK_ROWS) }
    }

    /// Appends a row.
    pub fn push(&mut self, id: u64, code: Code) {
        self.ids.push(id);
        self.codes.push(code);
    }

    /// Takes the last row.
    pub fn pop(&mut self) -> Option<(u64, Code)> {
        self.ids.pop().zip(self.codes.pop())
    }

    /// Replaces a row.
    pub fn set(&mut self, place: usize, id: u64, code: Code) {
        if let (Some(old_id), Some(old_code)) = (self.ids.get_mut(place), self.codes.get_mut(place)) {
            (*old_id, *old_code) = (id, code);
        }
    }
}

//! Stored form of an index: one value a chunk, so that a change rewrites 72 KiB and not the index. Must not know the
//! storage engine.
//!
//! | bytes | content, little-endian |
//! |---|---|
//! | 4 | `SIMC` |
//! | 2 | [`FORMAT_VERSION`] |
//! | 2 | rows, 1..=[`CHUNK_ROWS`] |
//! | 4 | number of the chunk, from 0 |
//! | 4 | zero |
//! | 8 | [`Encoder::fingerprint`] |
//! | 8 × rows | ids |
//! | 64 × rows | codes |
//! | 8 | checksum of all before |

use super::checksum::checksum;
use super::{CHUNK_ROWS, Chunk, Index};
use crate::codes::{BYTES, Code, Encoder};
use crate::{Error, MAX_ID};

/// Version of the stored form.
pub const FORMAT_VERSION: u16 = 1;

/// Bytes of a full chunk.
pub const CHUNK_BYTES: usize = HEADER + CHUNK_ROWS * (8 + BYTES) + 8;

const MAGIC: [u8; 4] = *b"SIMC";
const HEADER: usize = 24;

impl Index {
    /// Numbers of the chunks changed since the last call, ascending. The caller stores each ([`Index::chunk`]), or
    /// deletes it where there is no such chunk any more; all in one transaction.
    pub fn take_changed(&mut self) -> Vec<u32> {
        let changed = std::mem::take(&mut self.changed);
        (0..).zip(changed).filter_map(|(number, is_changed)| is_changed.then_some(number)).collect()
    }

    /// Bytes of a chunk; None where there is none.
    pub fn chunk(&self, number: u32) -> Option<Vec<u8>> {
        let chunk = self.chunks.get(number as usize)?;
        let mut bytes = Vec::with_capacity(HEADER + chunk.ids.len() * (8 + BYTES) + 8);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        bytes.extend((chunk.ids.len() as u16).to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.fingerprint.to_le_bytes());
        chunk.ids.iter().for_each(|id| bytes.extend_from_slice(&id.to_le_bytes()));
        chunk.codes.iter().for_each(|code| bytes.extend_from_slice(&code.to_bytes()));
        bytes.extend(checksum(&bytes).to_le_bytes());
        Some(bytes)
    }

    /// Restores an index from all its chunks, in the order of their numbers.
    ///
    /// # Errors
    /// [`Error::Version`] for another format or encoder. [`Error::Corrupt`] for damage, a missing chunk or an id that
    /// is stored twice. The caller then builds the index anew from the embeddings.
    pub fn from_chunks(encoder: &Encoder, chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, Error> {
        let mut index = Self::new(encoder);
        for (number, bytes) in (0..).zip(chunks) {
            index.read_chunk(number, bytes.as_ref())?;
        }
        index.changed.clear();
        Ok(index)
    }

    /// Appends the rows of a stored chunk.
    fn read_chunk(&mut self, number: u32, bytes: &[u8]) -> Result<(), Error> {
        let (bytes, sum) = bytes.split_last_chunk::<8>().ok_or(Error::Corrupt)?;
        let (header, rows) = bytes.split_first_chunk::<HEADER>().ok_or(Error::Corrupt)?;
        let [m0, m1, m2, m3, v0, v1, r0, r1, n0, n1, n2, n3, 0, 0, 0, 0, fingerprint @ ..] = header else {
            return Err(Error::Corrupt);
        };
        if [*m0, *m1, *m2, *m3] != MAGIC {
            return Err(Error::Corrupt);
        }
        if u16::from_le_bytes([*v0, *v1]) != FORMAT_VERSION {
            return Err(Error::Version);
        }
        let count = usize::from(u16::from_le_bytes([*r0, *r1]));
        let is_next = u32::from_le_bytes([*n0, *n1, *n2, *n3]) == number && self.len() == number as usize * CHUNK_ROWS;
        let fits = (1..=CHUNK_ROWS).contains(&count) && rows.len() == count * (8 + BYTES);
        if checksum(bytes) != u64::from_le_bytes(*sum) || !is_next || !fits {
            return Err(Error::Corrupt);
        }
        if u64::from_le_bytes(*fingerprint) != self.fingerprint {
            return Err(Error::Version);
        }
        let (ids, codes) = rows.split_at(count * 8);
        self.chunks.push(Chunk::new());
        for (id, code) in ids.as_chunks::<8>().0.iter().zip(codes.chunks_exact(BYTES)) {
            let id = u64::from_le_bytes(*id);
            if id > MAX_ID || !self.insert(id, Code::from_bytes(code)?)? {
                return Err(Error::Corrupt);
            }
        }
        Ok(())
    }
}

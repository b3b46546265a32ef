//! Sign codes: 512 bits of an embedding, whose Hamming distance grows with the angle. Must not know the index.
//!
//! A code is the signs of the embedding, less a mean, after a fixed random rotation. Two unit vectors at the angle θ
//! differ in about 512 θ / π bits: M. S. Charikar, "Similarity estimation techniques from rounding algorithms", STOC
//! 2002. An orthogonal rotation has less variance than independent hyperplanes: J. Ji et al., "Super-Bit
//! Locality-Sensitive Hashing", NIPS 2012.
//!
//! Centring before the signs follows Y. Gong and S. Lazebnik, "Iterative Quantization: A Procrustean Approach to
//! Learning Binary Codes" (ITQ), CVPR 2011. ITQ learns its rotation from the rows. This rotation is fixed, so a code
//! depends on no other row.

mod encoder;
mod mean;
mod query;
mod rotation;

pub use encoder::Encoder;
pub use mean::Mean;
pub use query::Query;
pub(crate) use rotation::mix;

use crate::Error;

/// Version of the codes: rotation, seed and order of bits. A change makes every stored code invalid.
pub const CODES_VERSION: u16 = 1;

/// Bits of a code.
pub const BITS: usize = 512;

/// 64-bit words of a code.
pub const WORDS: usize = BITS / 64;

/// Bytes of a stored code.
pub const BYTES: usize = BITS / 8;

/// Sign code; bit i is bit `i % 64` of word `i / 64`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Code(pub [u64; WORDS]);

impl Code {
    /// Hamming distance, 0..=512.
    #[inline]
    pub fn distance(&self, other: &Self) -> u32 {
        crate::index::hamming::distance(self, other)
    }

    /// Little-endian bytes of the words.
    pub fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// Reads the bytes of a code.
    ///
    /// # Errors
    /// [`Error::Corrupt`] unless there are [`BYTES`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: &[u8; BYTES] = bytes.try_into().map_err(|_| Error::Corrupt)?;
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(Self(words))
    }
}

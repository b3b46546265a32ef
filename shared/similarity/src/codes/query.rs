//! Query with its magnitudes: compares an embedding that is known in full with codes. Must not know the index.
//!
//! Asymmetric distance: A. Gordo and F. Perronnin, "Asymmetric distances for binary embeddings", CVPR 2011. A bit
//! counts as much as the query is far from zero there, so that fewer candidates need their full vectors.

use super::{BITS, BYTES, Code};

/// Values of a byte.
const BYTE_VALUES: usize = 256;

/// Code of a query, and the sums of magnitudes for each byte of another code.
#[derive(Clone, Debug)]
pub struct Query {
    code: Code,
    /// [`BYTES`] tables of 256 sums: 64 KiB.
    sums: Vec<f32>,
}

impl Query {
    /// Query of the rotated numbers whose signs are `code`; uses the first [`BITS`].
    pub(super) fn new(code: Code, rotated: &[f32]) -> Self {
        let mut sums = Vec::with_capacity(BYTES * BYTE_VALUES);
        for numbers in rotated.chunks_exact(8).take(BITS / 8) {
            // Each sum is that without its lowest bit, and one number more.
            let start = sums.len();
            sums.push(0.0);
            for value in 1..BYTE_VALUES {
                let rest: f32 = sums.get(start + (value & (value - 1))).copied().unwrap_or_default();
                sums.push(rest + numbers.get(value.trailing_zeros() as usize).copied().unwrap_or_default());
            }
        }
        Self { code, sums }
    }

    /// Code for the search by Hamming distance.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Nearness of a code, larger for nearer: the sum of the query's rotated numbers at the code's bits.
    pub fn score(&self, code: &Code) -> f32 {
        let tables = self.sums.as_chunks::<BYTE_VALUES>().0;
        let sum = |(table, byte): (&[f32; BYTE_VALUES], u8)| table.get(usize::from(byte)).copied().unwrap_or_default();
        // Four partial sums, in a fixed order.
        let mut sums = [0f32; 4];
        for (tables, bytes) in tables.as_chunks::<4>().0.iter().zip(code.to_bytes().as_chunks::<4>().0) {
            for ((partial, table), byte) in sums.iter_mut().zip(tables).zip(bytes) {
                *partial += sum((table, *byte));
            }
        }
        let [a, b, c, d] = sums;
        (a + b) + (c + d)
    }
}

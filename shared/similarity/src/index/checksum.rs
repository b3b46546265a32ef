//! Checksum of stored bytes. Detects damage, not forgery. Must not know their layout.

use crate::codes::mix;

/// Checksum over little-endian 64-bit words, the last padded with zeros, and the length.
///
/// Each step is a bijection of the state, so a change within one word is always detected.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words.iter().fold(bytes.len() as u64, |state, word| mix(state ^ u64::from_le_bytes(*word)));
    let rest = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    mix(state ^ rest)
}

//! Search for similar images: a perceptual embedding of pixels, sign codes of embeddings, an index of codes in memory,
//! re-ranking by full vectors, and the centroid of a user's preferences. docs/SIMILARITY.md explains the parts.
//! Must not know HTTP, storage, image files, or any other crate of the project. Does no I/O and has no dependencies.
//!
//! | module | input | output |
//! |---|---|---|
//! | [`perceptual`] | pixels, any size | unit vector of [`perceptual::DIM`] numbers |
//! | [`codes`] | vector of 1..=[`MAX_DIM`] numbers | [`codes::Code`], 512 bits |
//! | [`index`] | codes with ids | ids by Hamming distance |
//! | [`rerank`] | candidates with vectors | ids by dot product |
//! | [`preference`] | weighted vectors | unit vector |
//!
//! All results are the same on every platform, bit for bit: sums have a fixed order, and only IEEE 754 additions,
//! multiplications, divisions and square roots are used. No function panics on untrusted input.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable, clippy::unwrap_used)
)]

pub mod codes;
mod error;
pub mod index;
pub mod perceptual;
pub mod preference;
pub mod rerank;
pub mod vector;

pub use error::Error;

/// Largest dimension of an embedding.
pub const MAX_DIM: usize = 1024;

/// Largest id: 2^53 − 1, the largest integer that JSON numbers hold exactly.
pub const MAX_ID: u64 = (1 << 53) - 1;

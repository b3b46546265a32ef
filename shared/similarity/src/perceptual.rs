//! Perceptual embedding: colours, layout, edges and silhouette of an image as one unit vector. It needs no model and no
//! training. Must not know image files: callers decode them.
//!
//! Every image is averaged to 64 × 64 cells of Oklab. The vector is seven blocks, each of about unit length before its
//! weight. So the cosine of two images is about the weighted mean of the blocks' cosines.
//!
//! | block | numbers | weight | source |
//! |---|---|---|---|
//! | low frequencies of L, a, b | 21 + 10 + 10 | 0.10 | MPEG-7 colour layout (1, 2) |
//! | colour histogram | 42 | 0.06 | soft bins, square roots (3) |
//! | colours of the foreground | 15 | 0.20 | a histogram weighted by the foreground |
//! | edge histogram, 4 × 4 places | 64 | 0.04 | MPEG-7 edge histogram (2), from gradients (4) |
//! | edge histogram, whole image | 6 | 0.04 | MPEG-7 global edges (2) |
//! | outline, 3 × 3 places, 8 directions | 72 | 0.38 | gradients of the foreground in its own frame of moments (5) |
//! | occupancy, 4 × 4 places | 16 | 0.18 | covered area in that frame |
//!
//! 1. ISO/IEC 15938-3:2002, ColorLayout.
//! 2. B. S. Manjunath et al., "Color and texture descriptors", IEEE Trans. CSVT 11(6), 2001.
//! 3. R. Arandjelović and A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
//! 4. N. Dalal and B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
//! 5. M.-K. Hu, "Visual pattern recognition by moment invariants", IRE Trans. Information Theory 8(2), 1962.
//!
//! The foreground differs from the left and right border of its own row. So place, size and background of a single
//! object matter little to the last two blocks. They fade where texture reaches the borders.

mod angle;
mod blocks;
mod foreground;
mod frequencies;
mod gradient;
mod grid;
mod histogram;
mod oklab;
mod silhouette;
mod soft_bin;

pub use grid::{MAX_SIDE, Rows};

use crate::Error;

/// Name of the embedding, sent and stored with it.
pub const NAME: &str = "perceptual";

/// Version of the embedding. Vectors of two versions must not be compared.
pub const PERCEPTUAL_VERSION: u16 = 1;

/// Numbers of the embedding.
pub const DIM: usize = 256;

/// Perceptual embedding of an image that is in memory: [`DIM`] numbers, unit length.
///
/// `pixels` are rows of 8-bit sRGB without gaps, top to bottom; `channels` is 1 (grey), 2 (grey, alpha), 3 (RGB) or
/// 4 (RGBA, not premultiplied). Alpha is composed over white.
///
/// # Errors
/// [`Error::Pixels`] unless the sides are 1..=[`MAX_SIDE`] and there are width × height × channels bytes.
pub fn embed(width: u32, height: u32, channels: u8, pixels: &[u8]) -> Result<Vec<f32>, Error> {
    let mut rows = Rows::new(width, height, channels)?;
    for row in pixels.chunks(rows.row_bytes()) {
        rows.push(row)?;
    }
    rows.finish()
}

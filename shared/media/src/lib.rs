//! Image files as far as the edge reads them: the format of a file, its dimensions, rewriting without metadata, the
//! texts of a PNG. Must not know HTTP, storage or any other crate of the project.
//!
//! | format | [`ImageFormat::of`] | [`dimensions()`] | [`rewrite()`] | [`png::read_text`] |
//! |---|---|---|---|---|
//! | PNG | yes | yes | yes | yes |
//! | JPEG | yes | yes | yes | no |
//! | WebP | yes | yes | no | no |
//!
//! All input is untrusted. No function panics, and no decoded image is held. Time is linear in the length of the file
//! and in its pixels, of which [`MAX_PIXELS`] are accepted. Memory is the output, about as long as the file, and less
//! than 1 MiB. A progressive JPEG needs one bit more for each coefficient: up to 24 MiB.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable, clippy::unwrap_used)
)]

mod dimensions;
mod error;
mod format;
mod jpeg;
pub mod png;
mod rewrite;

pub use dimensions::dimensions;
pub use error::Error;
pub use format::ImageFormat;
pub use rewrite::{EncodedImage, MAX_PIXELS, rewrite};

//! PNG (W3C Portable Network Graphics, third edition): rewriting and texts over one reader of chunks.

mod chunks;
mod header;
mod image_data;
mod rewrite;
mod text;

pub(crate) use chunks::SIGNATURE;
pub(crate) use rewrite::rewrite;
pub use text::{PngText, read_text};

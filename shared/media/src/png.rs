//! PNG (W3C Portable Network Graphics, third edition): rewriting and texts over one reader of chunks.

mod chunks;
mod header;
mod image_data;
mod rewrite;
mod text;

pub(crate) use chunks::SIGNATURE;
pub(crate) use rewrite::rewrite;
pub use text::{PngText, read_text};

/// Width and height in the header of a file, unchecked.
pub(crate) fn dimensions(file: &[u8]) -> Option<(u32, u32)> {
    let (length, rest) = file.strip_prefix(&SIGNATURE)?.split_first_chunk::<4>()?;
    let ihdr = rest.strip_prefix(b"IHDR")?.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    header::dimensions(ihdr)
}

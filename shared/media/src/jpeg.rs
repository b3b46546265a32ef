//! JPEG (ITU-T T.81: Huffman-coded, 8 bits; baseline, extended and progressive): rewriting without metadata.

mod bits;
mod block;
mod frame;
mod huffman;
mod orientation;
mod rewrite;
mod scan;
mod segments;

pub(crate) use rewrite::rewrite;

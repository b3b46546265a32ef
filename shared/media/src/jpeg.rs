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
use segments::marker;

/// Width and height in the frame header of a file of any coding, unchecked.
pub(crate) fn dimensions(file: &[u8]) -> Option<(u32, u32)> {
    let mut reader = segments::SegmentReader::new(file).ok()?;
    loop {
        match reader.next_marker()? {
            // The frame comes before the first scan, and before the end.
            marker::SOS | marker::EOI => return None,
            // SOF0 to SOF15 without DHT, JPG and DAC.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let [_, h1, h0, w1, w0, ..] = *reader.segment()? else { return None };
                return Some((u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0]))));
            }
            _ => drop(reader.segment()?),
        }
    }
}

//! Width and height of an image file, read from its header alone. Must not look at the samples: the rest of the file
//! may be damaged.

use crate::rewrite::check_dimensions;
use crate::{Error, ImageFormat, jpeg, png};

/// Reads width and height in pixels of a PNG, JPEG or WebP file; the Exif orientation is not applied.
///
/// # Errors
/// [`Error::TooManyPixels`] above [`MAX_PIXELS`](crate::MAX_PIXELS); [`Error::Invalid`] for another format, or without
/// a readable header.
pub fn dimensions(file: &[u8]) -> Result<(u32, u32), Error> {
    let read = match ImageFormat::of(file) {
        Some(ImageFormat::Png) => png::dimensions(file),
        Some(ImageFormat::Jpeg) => jpeg::dimensions(file),
        Some(ImageFormat::Webp) => webp(file),
        None => None,
    };
    let (width, height) = read.ok_or(Error::Invalid("no header of PNG, JPEG or WebP"))?;
    check_dimensions(width, height)?;
    Ok((width, height))
}

/// The first chunk of a WebP file (RFC 9649): a key frame of VP8 (RFC 6386 §9.1), a VP8L header, or VP8X.
fn webp(file: &[u8]) -> Option<(u32, u32)> {
    let (fourcc, rest) = file.get(12..)?.split_first_chunk::<4>()?;
    let content = rest.get(4..)?;
    match (fourcc, content) {
        (b"VP8 ", [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) if tag & 1 == 0 => {
            // The upper two bits are a scale for showing.
            let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some((side(*w0, *w1), side(*h0, *h1)))
        }
        (b"VP8L", [0x2f, b0, b1, b2, b3, ..]) => {
            let bits = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        (b"VP8X", [_, _, _, _, w0, w1, w2, h0, h1, h2, ..]) => {
            let side = |a: u8, b: u8, c: u8| u32::from_le_bytes([a, b, c, 0]) + 1;
            Some((side(*w0, *w1, *w2), side(*h0, *h1, *h2)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn riff(chunk: &[u8]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WEBP", chunk].concat()
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
        [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", &sides[..], b"\x08\x02\0\0\0damaged"].concat()
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let sides = [height.to_be_bytes(), width.to_be_bytes()].concat();
        [b"\xff\xd8\xff\xe1\0\x04ab\xff\xc2\0\x0b\x08", &sides[..], b"\x01\x01\x11\0damaged"].concat()
    }

    #[test]
    fn sides_are_read_from_the_header_of_each_format() {
        for (file, sides) in [
            (png(640, 480), (640, 480)),
            (jpeg(1000, 20), (1000, 20)),
            (riff(b"VP8 \0\0\0\0\x10\0\0\x9d\x01\x2a\x80\x42\xe0\x01"), (640, 480)),
            // 640 - 1 and 480 - 1 in 14 bits each.
            (riff(&[b"VP8L\0\0\0\0\x2f".as_slice(), &(639_u32 | 479 << 14).to_le_bytes()].concat()), (640, 480)),
            (riff(b"VP8X\0\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0"), (640, 480)),
        ] {
            assert_eq!(dimensions(&file), Ok(sides));
        }
    }

    #[test]
    fn what_is_no_image_or_too_large_is_refused() {
        for file in [
            b"<svg/>".to_vec(),
            b"\x89PNG\r\n\x1a\n".to_vec(),
            png(0, 5),
            b"\xff\xd8\xff\xe1\0\x04ab".to_vec(),
            b"\xff\xd8\xff\xda\0\x02\xff\xc0\0\x0b\x08\0\x05\0\x05\x01\x01\x11\0".to_vec(),
            riff(b"VP8 \0\0\0\0\x11\0\0\x9d\x01\x2a\x80\x02\xe0\x01"),
            riff(b"VP8L\0\0\0\0"),
            riff(b"ALPH\0\0\0\0xxxxxxxxxxxx"),
        ] {
            assert!(matches!(dimensions(&file), Err(Error::Invalid(_))), "{file:?}");
        }
        for file in [png(10_000, 4_001), jpeg(65_535, 65_535), riff(b"VP8X\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff")] {
            assert_eq!(dimensions(&file), Err(Error::TooManyPixels));
        }
    }
}

//! Valid files of every kind, with metadata and bytes that are no image. All are the same in every run.

use jpeg_encoder::{ColorType, Encoder};
use png::{BitDepth, ColorType as PngColour};

/// Smooth shapes with some noise, of a fixed seed.
fn pixels(width: u16, height: u16, channels: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 29) as usize
    };
    let value = |i: usize| (i % channels * 60 + i / channels % usize::from(width) * 3 + i / 97 + noise()) as u8;
    (0..usize::from(width) * usize::from(height) * channels).map(value).collect()
}

pub fn jpeg_with(width: u16, height: u16, colour: ColorType, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 80);
    set(&mut encoder);
    let channels = match colour {
        ColorType::Luma => 1,
        ColorType::Cmyk => 4,
        _ => 3,
    };
    encoder.encode(&pixels(width, height, channels), width, height, colour).unwrap();
    out
}

pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    jpeg_with(width, height, ColorType::Rgb, |_| {})
}

pub fn progressive_jpeg(width: u16, height: u16) -> Vec<u8> {
    jpeg_with(width, height, ColorType::Rgb, |encoder| encoder.set_progressive(true))
}

/// Scans of successive approximation, which the encoder above does not make: by Pillow's `save(progressive=True)`.
pub fn refined_jpeg() -> Vec<u8> {
    include_bytes!("../../fixtures/refined.jpg").to_vec()
}

/// The JPEG with metadata of many sorts in front, an orientation of 6 among it, and more bytes behind it.
pub fn with_metadata(jpeg: &[u8]) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0".to_vec();
    exif.extend(b"\x0f\x01\x02\0\x04\0\0\0Cam\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0");
    let mut out = jpeg[..2].to_vec();
    for (marker, data) in [(0xe1, exif.as_slice()), (0xfe, b"my secret place"), (0xed, b"Photoshop 3.0\0<?php")] {
        out.extend([0xff, marker, 0, data.len() as u8 + 2]);
        out.extend(data);
    }
    out.extend(&jpeg[2..]);
    out.extend(b"PK\x03\x04 a hidden archive");
    out
}

/// A PNG with a text; one with a palette has two entries of transparency.
pub fn png(width: u32, height: u32, colour: PngColour, depth: BitDepth) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == PngColour::Indexed {
        encoder.set_palette((0..12).collect::<Vec<u8>>());
        encoder.set_trns(vec![0, 128]);
    }
    encoder.add_text_chunk("Comment".into(), "my secret place".into()).unwrap();
    encoder.add_itxt_chunk("parameters".into(), "a \u{8c93}".into()).unwrap();
    let row = (width as usize * colour.samples() * depth as usize).div_ceil(8);
    let value = |i: usize| if colour == PngColour::Indexed { 0 } else { (i * 7 % 251) as u8 };
    let rows: Vec<u8> = (0..row * height as usize).map(value).collect();
    encoder.write_header().unwrap().write_image_data(&rows).unwrap();
    out
}

pub fn rgb_png(width: u32, height: u32) -> Vec<u8> {
    png(width, height, PngColour::Rgb, BitDepth::Eight)
}

/// A PNG of these `IDAT` contents; `ihdr` has 13 bytes.
pub fn png_of(ihdr: &[u8], idat: &[&[u8]]) -> Vec<u8> {
    let mut out = [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", ihdr)].concat();
    idat.iter().for_each(|data| out.extend(chunk(b"IDAT", data)));
    out.extend(chunk(b"IEND", &[]));
    out
}

/// Grey, 5×3 with 8 bits, in the six passes of Adam7 that are not empty: rows and columns.
pub fn interlaced_png() -> Vec<u8> {
    let passes: [(usize, usize); 6] = [(1, 1), (1, 1), (1, 1), (1, 3), (2, 2), (1, 5)];
    let row = |columns: usize| [&[0][..], &vec![9; columns]].concat();
    let rows: Vec<u8> = passes.iter().flat_map(|&(rows, columns)| row(columns).repeat(rows)).collect();
    let data = miniz_oxide::deflate::compress_to_vec_zlib(&rows, 6);
    png_of(&[0, 0, 0, 5, 0, 0, 0, 3, 8, 0, 0, 0, 1], &[&data])
}

/// A chunk with its length and checksum.
pub fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind, data].concat();
    [&(data.len() as u32).to_be_bytes(), body.as_slice(), &crc(&body).to_be_bytes()].concat()
}

/// CRC-32, bit by bit.
pub fn crc(bytes: &[u8]) -> u32 {
    let step = |c: u32, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
    !bytes.iter().fold(!0, |c, byte| (0..8).fold(c ^ u32::from(*byte), step))
}

/// A lossless WebP in the extended format, with Exif.
pub fn webp(width: u16, height: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut out);
    encoder.set_exif_metadata(b"MM\0*\0\0\0\x08\0\0".to_vec());
    let rgb = image_webp::ColorType::Rgb8;
    encoder.encode(&pixels(width, height, 3), width.into(), height.into(), rgb).unwrap();
    out
}

pub fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

//! Reading pictures: what stays of them, what is refused, and that nothing gets through by damage.

use crate::picture::{self, Picture};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

fn code(bytes: &[u8]) -> &'static str {
    picture::read(bytes).map_or_else(|e| e.code(), |_| "taken")
}

/// Smooth shapes with some noise, of a fixed seed.
fn samples(width: u16, height: u16, channels: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 29) as usize
    };
    let value = |i: usize| (i % channels * 60 + i / channels % usize::from(width) * 3 + i / 97 + noise()) as u8;
    (0..usize::from(width) * usize::from(height) * channels).map(value).collect()
}

fn jpeg(width: u16, height: u16, colour: ColorType, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 80);
    set(&mut encoder);
    let channels = match colour {
        ColorType::Luma => 1,
        ColorType::Cmyk => 4,
        _ => 3,
    };
    encoder.encode(&samples(width, height, channels), width, height, colour).unwrap();
    out
}

fn pixels(jpeg: &[u8]) -> Vec<u8> {
    zune_jpeg::JpegDecoder::new(std::io::Cursor::new(jpeg)).decode().unwrap()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|w| w == text)
}

/// A JPEG with metadata of many sorts in front and more behind it.
fn adorned(jpeg: &[u8]) -> Vec<u8> {
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

#[test]
fn every_kind_of_jpeg_keeps_its_pixels() {
    type Set = fn(&mut Encoder<&mut Vec<u8>>);
    let kinds: [(&str, ColorType, Set); 8] = [
        ("baseline", ColorType::Rgb, |_| {}),
        ("4:2:0", ColorType::Rgb, |e| e.set_sampling_factor(SamplingFactor::F_2_2)),
        ("4:2:0 with restarts", ColorType::Rgb, |e| {
            e.set_sampling_factor(SamplingFactor::F_2_2);
            e.set_restart_interval(3);
        }),
        ("grey", ColorType::Luma, |_| {}),
        ("four components", ColorType::Cmyk, |_| {}),
        ("own Huffman tables", ColorType::Rgb, |e| e.set_optimized_huffman_tables(true)),
        ("progressive", ColorType::Rgb, |e| e.set_progressive(true)),
        ("progressive 4:2:0 with restarts", ColorType::Rgb, |e| {
            e.set_progressive(true);
            e.set_sampling_factor(SamplingFactor::F_2_2);
            e.set_restart_interval(5);
        }),
    ];
    for (name, colour, set) in kinds {
        for (width, height) in [(1, 1), (17, 9), (64, 64), (75, 130)] {
            let original = jpeg(width, height, colour, set);
            let Picture { bytes, width: w, height: h, content_type, .. } =
                picture::read(&adorned(&original)).unwrap_or_else(|e| panic!("{name} {width}×{height}: {e}"));
            assert_eq!((w, h, content_type), (width.into(), height.into(), "image/jpeg"));
            assert_eq!(pixels(&bytes), pixels(&original), "{name} {width}×{height}");
            for hidden in [b"secret".as_slice(), b"Photoshop", b"hidden", b"Cam\0"] {
                assert!(!contains(&bytes, hidden), "{name}: {}", String::from_utf8_lossy(hidden));
            }
            assert!(contains(&bytes, b"\x01\x12\0\x03\0\0\0\x01\0\x06"), "the orientation stays");
            assert_eq!(picture::read(&bytes).unwrap().bytes, bytes, "reading it again changes nothing");
        }
    }
}

/// Refinement scans, which the encoder above does not make: `fixtures/refined.jpg`, by Pillow's `save(progressive=True)`.
#[test]
fn successive_approximation_is_followed_to_the_end() {
    let original = include_bytes!("../../fixtures/refined.jpg");
    let refinements = original.windows(2).filter(|w| **w == [0xff, 0xda]).count();
    assert!(refinements >= 6, "{refinements} scans");
    let taken = picture::read(original).unwrap();
    assert_eq!(pixels(&taken.bytes), pixels(original));
}

#[test]
fn every_kind_of_png_keeps_its_pixels() {
    use png::{BitDepth::*, ColorType::*};
    for (colour, depth) in [
        (Grayscale, One),
        (Grayscale, Sixteen),
        (GrayscaleAlpha, Eight),
        (Rgb, Eight),
        (Rgb, Sixteen),
        (Rgba, Eight),
        (Indexed, Two),
        (Indexed, Eight),
    ] {
        for (width, height) in [(1, 1), (9, 5), (33, 70)] {
            let mut original = Vec::new();
            let mut encoder = png::Encoder::new(&mut original, width, height);
            encoder.set_color(colour);
            encoder.set_depth(depth);
            if colour == Indexed {
                encoder.set_palette((0..12).collect::<Vec<u8>>());
                encoder.set_trns(vec![0, 128]);
            }
            encoder.add_text_chunk("Comment".into(), "my secret place".into()).unwrap();
            let info = encoder.write_header().unwrap();
            let row = (width as usize * colour.samples() * depth as usize).div_ceil(8);
            let data: Vec<u8> =
                (0..row * height as usize).map(|i| if colour == Indexed { 0 } else { i as u8 }).collect();
            let mut info = info;
            info.write_image_data(&data).unwrap();
            drop(info);
            original.extend(b"PK\x03\x04 a hidden archive");
            let taken = picture::read(&original).unwrap();
            assert_eq!((taken.width, taken.height, taken.extension), (width, height, "png"));
            let decode = |bytes: &[u8]| {
                let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
                let mut out = vec![0; reader.output_buffer_size().unwrap()];
                reader.next_frame(&mut out).unwrap();
                let info = reader.info();
                (out, info.palette.clone().map(|p| p.to_vec()), info.trns.clone().map(|t| t.to_vec()))
            };
            assert_eq!(decode(&taken.bytes), decode(&original));
            assert!(!contains(&taken.bytes, b"secret") && !contains(&taken.bytes, b"hidden"));
        }
    }
}

/// Encoders cut the image data into chunks anywhere, also into empty ones; what stands behind its end is no picture.
#[test]
fn image_data_in_many_chunks_is_read_as_one() {
    let whole = super::png(40, 40);
    let at = whole.windows(4).position(|w| w == b"IDAT").unwrap();
    let end = whole.windows(4).position(|w| w == b"IEND").unwrap();
    let mut data = whole[at + 4..end - 8].to_vec();
    let cut = |data: &[u8], size: usize| {
        let mut out = whole[..at - 4].to_vec();
        for piece in data.chunks(size).chain([[].as_slice()]) {
            let body = [b"IDAT", piece].concat();
            out.extend((piece.len() as u32).to_be_bytes());
            out.extend(&body);
            out.extend(crc(&body).to_be_bytes());
        }
        out.extend(&whole[end - 4..]);
        out
    };
    let pixels = |bytes: &[u8]| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut out = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut out).unwrap();
        out
    };
    for size in [1, 7, 1000] {
        assert_eq!(pixels(&picture::read(&cut(&data, size)).unwrap().bytes), pixels(&whole));
    }
    data.extend(b"a hidden archive");
    for size in [5, 100_000] {
        let taken = picture::read(&cut(&data, size)).unwrap().bytes;
        assert!(!contains(&taken, b"hidden") && !contains(&taken, b"chive"));
        assert_eq!(pixels(&taken), pixels(&whole));
    }
}

#[test]
fn an_interlaced_png_is_counted_by_its_passes() {
    // 1×1, grey, Adam7: one row of one byte; the rest of the passes are empty.
    let header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 1];
    let file = |rows: &[u8]| {
        let data = miniz_oxide::deflate::compress_to_vec_zlib(rows, 6);
        let chunk = |kind: &[u8], data: &[u8]| {
            let body = [kind, data].concat();
            [&(data.len() as u32).to_be_bytes(), body.as_slice(), &crc(&body).to_be_bytes()].concat()
        };
        [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &header), &chunk(b"IDAT", &data), &chunk(b"IEND", &[])]
            .concat()
    };
    assert_eq!(code(&file(&[0, 7])), "taken");
    assert_eq!(picture::read(&file(&[0, 7])).unwrap().bytes, file(&[0, 7]));
    for bad in [[].as_slice(), &[0], &[5, 7], &[0, 7, 0], &[0; 100_000]] {
        assert_eq!(code(&file(bad)), "invalid_image");
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |c: u32, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
    !bytes.iter().fold(!0, |c, byte| (0..8).fold(c ^ u32::from(*byte), step))
}

#[test]
fn enormous_pictures_are_refused_by_their_header() {
    let mut png = super::png(1, 1);
    png[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let sum = crc(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    assert_eq!(code(&png), "image_too_large");
    let mut jpeg = jpeg(8, 8, ColorType::Rgb, |_| {});
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert_eq!(code(&jpeg), "image_too_large");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x10, 0, 0x10, 0]);
    assert_eq!(code(&jpeg), "invalid_image", "less data than announced");
}

#[test]
fn cut_off_files_are_refused() {
    let progressive = jpeg(40, 40, ColorType::Rgb, |e| e.set_progressive(true));
    for whole in [super::png(30, 30), jpeg(40, 40, ColorType::Rgb, |_| {}), progressive] {
        assert_eq!(code(&whole), "taken");
        for length in (0..whole.len()).step_by(3) {
            assert_eq!(code(&whole[..length]), "invalid_image", "{length} of {}", whole.len());
        }
    }
}

/// Damage is found, or stays within what a decoder takes; in no case does reading panic or run away.
#[test]
fn damaged_files_never_break_the_reader() {
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let files = [
        super::png(20, 20),
        jpeg(33, 20, ColorType::Rgb, |e| e.set_restart_interval(2)),
        jpeg(33, 20, ColorType::Rgb, |e| e.set_progressive(true)),
        include_bytes!("../../fixtures/refined.jpg").to_vec(),
    ];
    for file in &files {
        for _ in 0..1500 {
            let mut damaged = file.clone();
            for _ in 0..1 + random(4) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            if let Ok(taken) = picture::read(&damaged) {
                assert_eq!(picture::read(&taken.bytes).map(|again| again.bytes), Ok(taken.bytes));
            }
        }
    }
}

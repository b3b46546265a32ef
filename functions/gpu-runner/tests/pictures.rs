//! Picture files from outside: what they become, and what is refused.

use std::io::Cursor;

use gpu_runner::Code;
use gpu_runner::backend::Rgb;
use gpu_runner::picture::read;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgba, RgbaImage};

/// Left half red, right half blue, the lower third green.
fn pattern(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, |x, y| match (2 * x < width, 3 * y < 2 * height) {
        (_, false) => Rgba([0, 255, 0, 255]),
        (true, _) => Rgba([255, 0, 0, 255]),
        (false, _) => Rgba([0, 0, 255, 255]),
    }))
}

fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn jpeg(picture: &DynamicImage, orientation: Option<u8>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 95);
    if let Some(orientation) = orientation {
        // A TIFF header and one entry: tag 0x112, one short.
        let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        encoder.set_exif_metadata(exif).unwrap();
    }
    let rgb = picture.to_rgb8();
    encoder.write_image(&rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8).unwrap();
    file
}

fn at(rgb: &Rgb, x: u32, y: u32) -> [u8; 3] {
    let i = 3 * (y * rgb.width + x) as usize;
    rgb.bytes[i..i + 3].try_into().unwrap()
}

fn is_about(seen: [u8; 3], wanted: [u8; 3]) -> bool {
    seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 24)
}

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];

#[test]
fn pictures_of_the_right_size_are_taken_as_they_are() {
    let picture = pattern(72, 64);
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let read = read(&file(&picture, format), 72, 64).unwrap();
        assert_eq!((read.width, read.height), (72, 64));
        assert!(read.bytes == picture.to_rgb8().into_raw(), "{format:?}");
    }
    let read = read(&jpeg(&picture, None), 72, 64).unwrap();
    let apart = read.bytes.iter().zip(picture.to_rgb8().into_raw()).map(|(a, b)| u64::from(a.abs_diff(b))).sum::<u64>();
    assert!(apart < 10 * read.bytes.len() as u64);
}

#[test]
fn other_shapes_are_cut_around_the_middle_and_scaled() {
    // A square out of the middle of a broad one: the halves meet in its middle.
    for (width, height) in [(400, 100), (60, 30), (100, 100)] {
        let read = read(&file(&pattern(width, height), ImageFormat::Png), 64, 64).unwrap();
        assert_eq!(read.bytes.len(), 3 * 64 * 64);
        assert!(is_about(at(&read, 2, 2), RED) && is_about(at(&read, 61, 2), BLUE), "{width}x{height}");
        assert!(is_about(at(&read, 2, 61), GREEN), "{width}x{height}");
        assert!(is_about(at(&read, 28, 20), RED) && is_about(at(&read, 35, 20), BLUE), "{width}x{height}");
    }
    // Of a tall one nothing of the lower third's end is left.
    let tall = read(&file(&pattern(30, 300), ImageFormat::Png), 64, 64).unwrap();
    assert!(is_about(at(&tall, 2, 61), RED) && is_about(at(&tall, 61, 61), BLUE));
}

#[test]
fn what_is_transparent_is_white() {
    let mut picture = pattern(64, 64).to_rgba8();
    picture.put_pixel(0, 0, Rgba([10, 20, 30, 0]));
    picture.put_pixel(1, 0, Rgba([0, 0, 0, 128]));
    let read = read(&file(&DynamicImage::ImageRgba8(picture), ImageFormat::Png), 64, 64).unwrap();
    assert_eq!([at(&read, 0, 0), at(&read, 1, 0), at(&read, 2, 0)], [[255; 3], [127; 3], RED]);
}

#[test]
fn every_depth_and_colour_of_png_is_read() {
    let picture = pattern(64, 64);
    let forms = [
        DynamicImage::ImageLuma8(picture.to_luma8()),
        DynamicImage::ImageLumaA8(picture.to_luma_alpha8()),
        DynamicImage::ImageLuma16(picture.to_luma16()),
        DynamicImage::ImageRgb16(picture.to_rgb16()),
        DynamicImage::ImageRgba16(picture.to_rgba16()),
    ];
    for form in forms {
        let read = read(&file(&form, ImageFormat::Png), 64, 64).unwrap();
        assert!(read.bytes == form.to_rgb8().into_raw(), "{:?}", form.color());
    }
}

#[test]
fn photographs_are_turned_as_the_camera_was_held() {
    // Where red, the upper left, and blue, the upper right, are afterwards; in corners of a square.
    let (nw, ne, sw, se) = ((2, 2), (61, 2), (2, 61), (61, 61));
    let corners =
        [(1, nw, ne), (2, ne, nw), (3, se, sw), (4, sw, se), (5, nw, sw), (6, ne, se), (7, se, ne), (8, sw, nw)];
    for (orientation, red, blue) in corners {
        let read = read(&jpeg(&pattern(64, 64), Some(orientation)), 64, 64).unwrap();
        assert!(is_about(at(&read, red.0, red.1), RED), "{orientation}");
        assert!(is_about(at(&read, blue.0, blue.1), BLUE), "{orientation}");
    }
    // One that does not exist turns nothing.
    assert!(is_about(at(&read(&jpeg(&pattern(64, 64), Some(99)), 64, 64).unwrap(), 2, 2), RED));
}

/// Phones put films behind their pictures, and thumbnails into them.
#[test]
fn what_stands_behind_a_picture_is_passed_over() {
    let mut film = jpeg(&pattern(64, 64), Some(1));
    film.extend([0xff, 0xda, 0, 8, 1, 2, 3]);
    assert!(is_about(at(&read(&film, 64, 64).unwrap(), 2, 2), RED));
    // The end of a thumbnail is not the end of the picture.
    let whole = jpeg(&pattern(64, 64), None);
    let thumbnail = [&[0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xda, 0xff, 0xd9][..], &whole[2..]].concat();
    assert!(is_about(at(&read(&thumbnail, 64, 64).unwrap(), 2, 2), RED));
    assert_eq!(read(&thumbnail[..thumbnail.len() - 2], 64, 64).unwrap_err().code, Code::InvalidImage);
}

/// A PNG that says it is so large, with hardly anything in it.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&[0; 4]).unwrap();
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc(&file[12..29]);
    file[29..33].copy_from_slice(&crc.to_be_bytes());
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn what_is_no_picture_is_refused() {
    let (png, webp) = (file(&pattern(64, 64), ImageFormat::Png), file(&pattern(64, 64), ImageFormat::WebP));
    let jpeg = jpeg(&pattern(64, 64), None);
    let mut huge_jpeg = jpeg.clone();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    huge_jpeg[frame + 5..frame + 9].fill(0xff);
    let mut cases: Vec<(String, Vec<u8>)> =
        [(0, 0), (1, 0), (1, 65_535), (65_535, 1), (16_000, 16_000), (u32::MAX, u32::MAX)]
            .into_iter()
            .map(|(width, height)| (format!("{width}x{height}"), png_of(width, height)))
            .collect();
    cases.extend([
        ("nothing".into(), Vec::new()),
        ("a page".into(), b"<html><svg/></html>".to_vec()),
        ("a signature".into(), png[..8].to_vec()),
        ("a GIF".into(), b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
        ("a BMP".into(), b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0".to_vec()),
        ("a huge JPEG".into(), huge_jpeg),
        ("a PNG of zeros".into(), [&png[..40], &vec![0; 1000]].concat()),
    ]);
    for (name, whole) in [("PNG", &png), ("JPEG", &jpeg), ("WebP", &webp)] {
        for part in [1, 2, 3] {
            cases.push((format!("{part}/4 of a {name}"), whole[..whole.len() * part / 4].to_vec()));
        }
    }
    for (name, file) in cases {
        let error = read(&file, 64, 64).expect_err(&name);
        assert_eq!((error.code, error.retryable()), (Code::InvalidImage, false), "{name}: {error}");
    }
}

/// A byte anywhere may be another: a picture or an error, never a panic.
#[test]
fn no_byte_makes_it_panic() {
    let small = pattern(20, 12);
    let mut noise = gpu_runner::noise::Noise::new(5);
    let mut random = |below: usize| (noise.normal().abs() * 1e6) as usize % below;
    for whole in [file(&small, ImageFormat::Png), file(&small, ImageFormat::WebP), jpeg(&small, Some(6))] {
        let mut read_all = 0;
        for _ in 0..300 {
            let mut file = whole.clone();
            for _ in 0..=random(3) {
                let i = random(file.len());
                file[i] = random(256) as u8;
            }
            read_all += usize::from(read(&file, 64, 64).is_ok());
        }
        assert!(read_all < 300);
    }
}

//! Valid files, damaged at random with a fixed seed. Nothing panics, and everything stays within bounds. An accepted
//! PNG is accepted by another decoder too.

use fastrand::Rng;
use jpeg_encoder::ColorType;
use media::png::read_text;
use media::{EncodedImage, Error, ImageFormat, rewrite};
use png::{BitDepth, ColorType as PngColour};

use crate::limits::Meter;
use crate::samples::*;

const FILES: usize = 20_000;

/// Files of at most a few KiB, so that a mutation meets a header as often as pixels.
fn valid_files() -> Vec<Vec<u8>> {
    let split = rewrite(&rgb_png(7, 5)).unwrap().bytes;
    let pieces: Vec<&[u8]> = split[41..split.len() - 16].chunks(3).collect();
    vec![
        rgb_png(20, 20),
        png(9, 5, PngColour::Indexed, BitDepth::Two),
        png(9, 5, PngColour::GrayscaleAlpha, BitDepth::Sixteen),
        png_of(&split[16..29], &pieces),
        interlaced_png(),
        jpeg_with(33, 20, ColorType::Rgb, |encoder| encoder.set_restart_interval(2)),
        jpeg_with(9, 9, ColorType::Luma, |_| {}),
        with_metadata(&jpeg_with(17, 9, ColorType::Cmyk, |_| {})),
        progressive_jpeg(33, 20),
        refined_jpeg(),
        webp(9, 5),
    ]
}

/// One kind of damage, or an exchange with another file.
fn mutate(rng: &mut Rng, file: &mut Vec<u8>, other: &[u8]) {
    let any = |rng: &mut Rng, file: &[u8]| rng.usize(..=file.len());
    match rng.u8(..6) {
        0 => {
            for _ in 0..rng.u8(1..8) {
                if let Some(byte) = rng.choice(file.iter_mut()) {
                    *byte ^= 1 << rng.u8(..8);
                }
            }
        }
        1 => {
            if let Some(byte) = rng.choice(file.iter_mut()) {
                *byte = rng.u8(..);
            }
        }
        2 => file.truncate(any(rng, file)),
        3 => {
            file.truncate(any(rng, file));
            file.extend(&other[any(rng, other)..]);
        }
        4 => {
            let extreme = rng.choice([0, 1, 0x7fff_ffff, u32::MAX - 3, u32::MAX]).unwrap_or_default().to_be_bytes();
            let at = any(rng, file);
            file.splice(at..(at + 4).min(file.len()), extreme).for_each(drop);
        }
        _ => {
            // Chunks and segments are taken over, left out, doubled and exchanged as a whole.
            let mut parts = parts(file);
            let others = self::parts(other);
            for _ in 0..rng.u8(1..4) {
                let (from, at) = (rng.usize(..parts.len()), rng.usize(..=parts.len()));
                match rng.u8(..4) {
                    0 => parts.insert(at, others[rng.usize(..others.len())]),
                    1 => parts.insert(at, parts[from]),
                    2 if parts.len() > 1 => drop(parts.remove(from)),
                    _ => parts.swap(from, at.saturating_sub(1)),
                }
            }
            *file = parts.concat();
        }
    }
}

/// The file cut in front of each chunk of a PNG, or each marker of a JPEG.
fn parts(file: &[u8]) -> Vec<&[u8]> {
    let mut cuts: Vec<usize> = match ImageFormat::of(file) {
        Some(ImageFormat::Png) => chunks(file).iter().map(|(start, _)| *start).collect(),
        _ => file.windows(2).enumerate().filter(|(_, w)| w[0] == 0xff && w[1] >= 0xc0).map(|(at, _)| at).collect(),
    };
    cuts.extend([0, file.len()]);
    cuts.sort();
    cuts.windows(2).map(|cut| &file[cut[0]..cut[1]]).collect()
}

/// Start and end of each whole chunk.
fn chunks(png: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 8;
    while let Some(length) = png.get(at..).and_then(|rest| rest.first_chunk()) {
        let end = at + 12 + u32::from_be_bytes(*length) as usize;
        if end > png.len() {
            break;
        }
        found.push((at, end));
        at = end;
    }
    found
}

/// Makes the checksums fit, without which hardly any damage gets further than to them.
fn repair_checksums(file: &mut [u8]) {
    if ImageFormat::of(file) == Some(ImageFormat::Png) {
        for (start, end) in chunks(file) {
            let sum = crc(&file[start + 4..end - 4]);
            file[end - 4..end].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// The size by another decoder, which must read the file to its end.
fn decoded_size(png: &[u8]) -> (u32, u32) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut out = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut out).unwrap();
    (info.width, info.height)
}

#[test]
fn damaged_files_are_refused_or_read_within_bounds() {
    let mut rng = Rng::with_seed(7);
    let valid = valid_files();
    for file in &valid {
        assert_eq!(rewrite(file).is_ok(), ImageFormat::of(file) != Some(ImageFormat::Webp));
    }
    let (mut pngs, mut jpegs, mut texts) = (0, 0, 0);
    for number in 0..FILES {
        let mut file = valid[number % valid.len()].clone();
        for _ in 0..rng.u8(1..4) {
            let other = &valid[rng.usize(..valid.len())];
            mutate(&mut rng, &mut file, other);
        }
        if rng.u8(..4) > 0 {
            repair_checksums(&mut file);
        }
        let meter = Meter::wait();
        let (image, text) = (meter.within_bounds(&file, rewrite), meter.within_bounds(&file, read_text));
        drop(meter);
        texts += usize::from(text.is_ok());
        let Ok(image) = image else { continue };
        assert_eq!(Some(image.format), ImageFormat::of(&file), "file {number}");
        match image.format {
            ImageFormat::Png => {
                pngs += 1;
                assert_eq!(decoded_size(&image.bytes), (image.width, image.height), "file {number}");
                let text = read_text(&image.bytes).unwrap();
                assert_eq!((text.width, text.height, text.parameters), (image.width, image.height, None));
            }
            _ => jpegs += 1,
        }
        assert_same(rewrite(&image.bytes), image, number);
    }
    println!("accepted: {pngs} PNG, {jpegs} JPEG; {texts} with texts");
    assert!(
        pngs > 200 && jpegs > 500 && texts > 500,
        "{pngs} PNG, {jpegs} JPEG, {texts} texts: mutations hit too hard"
    );
}

/// Its own output is returned unchanged.
fn assert_same(again: Result<EncodedImage, Error>, image: EncodedImage, number: usize) {
    assert!(again.as_ref() == Ok(&image), "file {number}: {:?}", again.map(|again| again.bytes.len()));
}

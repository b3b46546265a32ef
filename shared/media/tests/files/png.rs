//! PNG files: every kind keeps its pixels and nothing else.

use media::png::read_text;
use media::{Error, ImageFormat, rewrite};
use png::{BitDepth::*, ColorType::*};

use crate::samples::{chunk, contains, interlaced_png, png, png_of, rgb_png};

/// Pixels, palette and transparency.
pub fn decode(file: &[u8]) -> (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut out = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut out).unwrap();
    let info = reader.info();
    (out, info.palette.clone().map(|p| p.to_vec()), info.trns.clone().map(|t| t.to_vec()))
}

#[test]
fn every_kind_of_png_keeps_its_pixels() {
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
            let mut original = png(width, height, colour, depth);
            original.extend(b"PK\x03\x04 a hidden archive");
            let rewritten = rewrite(&original).unwrap();
            assert_eq!((rewritten.width, rewritten.height, rewritten.format), (width, height, ImageFormat::Png));
            assert_eq!(decode(&rewritten.bytes), decode(&original));
            assert!(!contains(&rewritten.bytes, b"secret") && !contains(&rewritten.bytes, b"hidden"));
            assert_eq!(rewrite(&rewritten.bytes), Ok(rewritten), "its own output is returned unchanged");
        }
    }
}

#[test]
fn texts_are_read_before_rewriting_and_gone_afterwards() {
    let original = rgb_png(3, 2);
    let texts = read_text(&original).unwrap();
    assert_eq!((texts.width, texts.height, texts.parameters.as_deref()), (3, 2, Some("a \u{8c93}")));
    let texts = read_text(&rewrite(&original).unwrap().bytes).unwrap();
    assert_eq!((texts.width, texts.height, texts.parameters, texts.generation), (3, 2, None, None));
}

/// Encoders cut the image data into chunks anywhere, also into empty ones; bytes behind its end are no image.
#[test]
fn image_data_in_many_chunks_is_read_as_one() {
    let whole = rgb_png(40, 40);
    let at = whole.windows(4).position(|w| w == b"IDAT").unwrap();
    let end = whole.windows(4).position(|w| w == b"IEND").unwrap();
    let mut data = whole[at + 4..end - 8].to_vec();
    let cut = |data: &[u8], size: usize| {
        let mut out = whole[..at - 4].to_vec();
        data.chunks(size).chain([[].as_slice()]).for_each(|piece| out.extend(chunk(b"IDAT", piece)));
        out.extend(&whole[end - 4..]);
        out
    };
    for size in [1, 7, 1000] {
        assert_eq!(decode(&rewrite(&cut(&data, size)).unwrap().bytes), decode(&whole));
    }
    data.extend(b"a hidden archive");
    for size in [5, 100_000] {
        let rewritten = rewrite(&cut(&data, size)).unwrap().bytes;
        assert!(!contains(&rewritten, b"hidden") && !contains(&rewritten, b"chive"));
        assert_eq!(decode(&rewritten), decode(&whole));
    }
}

#[test]
fn an_interlaced_png_is_counted_by_its_passes() {
    // 1×1, grey, Adam7: one row of one byte; the other passes are empty.
    let file = |rows: &[u8]| {
        let data = miniz_oxide::deflate::compress_to_vec_zlib(rows, 6);
        png_of(&[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 1], &[&data])
    };
    assert_eq!(rewrite(&file(&[0, 7])).unwrap().bytes, file(&[0, 7]));
    for bad in [[].as_slice(), &[0], &[5, 7], &[0, 7, 0], &[0; 100_000]] {
        assert!(matches!(rewrite(&file(bad)), Err(Error::Invalid(_))));
    }
    let larger = rewrite(&interlaced_png()).unwrap();
    assert_eq!((larger.width, larger.height, decode(&larger.bytes).0), (5, 3, vec![9; 15]));
}

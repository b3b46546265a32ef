//! JPEG files: every kind keeps its pixels and nothing else.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use media::{EncodedImage, ImageFormat, rewrite};

use crate::samples::{contains, jpeg_with, refined_jpeg, with_metadata};

fn pixels(jpeg: &[u8]) -> Vec<u8> {
    zune_jpeg::JpegDecoder::new(std::io::Cursor::new(jpeg)).decode().unwrap()
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
            let original = jpeg_with(width, height, colour, set);
            let EncodedImage { bytes, width: w, height: h, format } =
                rewrite(&with_metadata(&original)).unwrap_or_else(|e| panic!("{name} {width}×{height}: {e}"));
            assert_eq!((w, h, format), (width.into(), height.into(), ImageFormat::Jpeg));
            assert_eq!(pixels(&bytes), pixels(&original), "{name} {width}×{height}");
            for hidden in [b"secret".as_slice(), b"Photoshop", b"hidden", b"Cam\0"] {
                assert!(!contains(&bytes, hidden), "{name}: {}", String::from_utf8_lossy(hidden));
            }
            assert!(contains(&bytes, b"\x01\x12\0\x03\0\0\0\x01\0\x06"), "the orientation stays");
            assert_eq!(rewrite(&bytes).unwrap().bytes, bytes, "its own output is returned unchanged");
        }
    }
}

#[test]
fn successive_approximation_is_followed_to_the_end() {
    let original = refined_jpeg();
    let refinements = original.windows(2).filter(|w| **w == [0xff, 0xda]).count();
    assert!(refinements >= 6, "{refinements} scans");
    assert_eq!(pixels(&rewrite(&original).unwrap().bytes), pixels(&original));
}

//! Whole files of every kind through the public functions: made by other encoders, judged by other decoders.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // Tests may panic.

mod jpeg;
mod limits;
mod mutations;
mod png;
mod samples;

use media::{Error, ImageFormat, rewrite};

#[test]
fn cut_off_files_are_refused() {
    for whole in [samples::rgb_png(30, 30), samples::jpeg(40, 40), samples::progressive_jpeg(40, 40)] {
        assert!(rewrite(&whole).is_ok());
        for length in (0..whole.len()).step_by(3) {
            assert!(matches!(rewrite(&whole[..length]), Err(Error::Invalid(_))), "{length} of {}", whole.len());
        }
    }
}

#[test]
fn formats_other_than_png_and_jpeg_are_refused() {
    let webp = samples::webp(8, 8);
    assert_eq!(ImageFormat::of(&webp), Some(ImageFormat::Webp));
    for file in [webp.as_slice(), b"", b"hello", b"GIF89a", b"<svg/>"] {
        assert_eq!(rewrite(file), Err(Error::Invalid("neither PNG nor JPEG")));
        assert_eq!(media::png::read_text(file), Err(Error::Invalid("no PNG signature")));
    }
}

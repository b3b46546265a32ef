//! Rewriting of image files: verifies a file down to its last coded sample and writes it anew without metadata,
//! comments, or bytes around the image. Lossless: the coded samples are copied. Must not know a format's details.

use crate::{Error, ImageFormat, jpeg, png};

/// Largest accepted width × height: 40 megapixels. No image is held decoded, so the limit bounds time rather than
/// memory.
pub const MAX_PIXELS: u64 = 40_000_000;

/// Encoded image with nothing else in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedImage {
    /// The file.
    pub bytes: Vec<u8>,
    /// Format of the file.
    pub format: ImageFormat,
    /// Width in pixels, as encoded: the Exif orientation is not applied.
    pub width: u32,
    /// Height in pixels, as encoded: the Exif orientation is not applied.
    pub height: u32,
}

/// Verifies a PNG or JPEG file and writes it anew without metadata; the Exif orientation is kept. Its own output is
/// returned unchanged.
///
/// # Errors
/// [`Error::TooManyPixels`] above [`MAX_PIXELS`]; [`Error::Invalid`] when the file is damaged or of another format.
pub fn rewrite(file: &[u8]) -> Result<EncodedImage, Error> {
    match ImageFormat::of(file) {
        Some(ImageFormat::Png) => png::rewrite(file),
        Some(ImageFormat::Jpeg) => jpeg::rewrite(file),
        Some(ImageFormat::Webp) | None => Err(Error::Invalid("neither PNG nor JPEG")),
    }
}

/// Checks a width and height in pixels against [`MAX_PIXELS`].
pub(crate) fn check_dimensions(width: u32, height: u32) -> Result<(), Error> {
    match u64::from(width) * u64::from(height) {
        0 => Err(Error::Invalid("no pixels")),
        pixels if pixels > MAX_PIXELS => Err(Error::TooManyPixels),
        _ => Ok(()),
    }
}

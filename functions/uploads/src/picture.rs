//! Pictures from outside. Each is read down to its last coded sample and written anew from what was understood, so that
//! what is stored is a picture and nothing else: no metadata, no comments, nothing before, between or after. No quality
//! is lost by it, and no decoded picture is ever held. What a file is, its content decides. Nothing here knows HTTP or
//! storage.

mod jpeg;
mod png;

use domain::Error;
use domain::messages::{IMAGE_TOO_LARGE, INVALID_IMAGE};

/// 40 megapixels. Nothing is held decoded, so this bounds time rather than memory.
const MAX_PIXELS: u64 = 40_000_000;

/// A picture as it will be stored.
#[derive(Debug)]
pub struct Picture {
    pub bytes: Vec<u8>,
    pub content_type: &'static str,
    pub extension: &'static str,
    pub width: u32,
    pub height: u32,
}

/// Reads a PNG or JPEG file.
pub fn read(bytes: &[u8]) -> Result<Picture, Error> {
    if bytes.starts_with(&png::SIGNATURE) {
        png::rewrite(bytes)
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        jpeg::rewrite(bytes)
    } else {
        Err(INVALID_IMAGE.on("file"))
    }
}

/// `why` is for the log.
fn invalid(why: &str) -> Error {
    INVALID_IMAGE.on("file").cause(why)
}

fn check_size(width: u32, height: u32) -> Result<(), Error> {
    match u64::from(width) * u64::from(height) {
        0 => Err(invalid("no pixels")),
        pixels if pixels > MAX_PIXELS => Err(IMAGE_TOO_LARGE.on("file").arg(MAX_PIXELS)),
        _ => Ok(()),
    }
}

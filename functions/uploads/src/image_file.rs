//! Uploaded images, rewritten by `media`: maps its errors to those of the API.

use domain::Error;
use domain::messages::{IMAGE_TOO_LARGE, INVALID_IMAGE};
use media::{EncodedImage, MAX_PIXELS};

/// Verifies a PNG or JPEG file and writes it anew without metadata.
///
/// # Errors
///
/// `INVALID_IMAGE` or `IMAGE_TOO_LARGE`, on the field `file`.
pub fn rewrite(file: &[u8]) -> Result<EncodedImage, Error> {
    media::rewrite(file).map_err(|error| match error {
        media::Error::Invalid(reason) => INVALID_IMAGE.on("file").cause(reason),
        media::Error::TooManyPixels => IMAGE_TOO_LARGE.on("file").arg(MAX_PIXELS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_errors_become_errors_of_the_api() {
        assert_eq!(rewrite(b"hello").unwrap_err(), INVALID_IMAGE.on("file").cause("neither PNG nor JPEG"));
        // A frame of 65535×65535.
        let frame = b"\xff\xc0\0\x0b\x08\xff\xff\xff\xff\x01\x01\x11\0";
        let jpeg = [b"\xff\xd8".as_slice(), frame].concat();
        assert_eq!(rewrite(&jpeg).unwrap_err(), IMAGE_TOO_LARGE.on("file").arg(40_000_000_u64));
    }
}

//! Formats, recognised by the first bytes of a file. Must not look further into a file.

use crate::png::SIGNATURE;

/// Image format that the platform accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG (ITU-T T.81), with or without JFIF or Exif.
    Jpeg,
    /// WebP, lossy or lossless, in its RIFF container.
    Webp,
}

impl ImageFormat {
    /// Recognises a format by the file's first bytes: 8 of PNG, 3 of JPEG, 12 of WebP. The rest may be damaged.
    pub fn of(file: &[u8]) -> Option<ImageFormat> {
        match file {
            [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::Webp),
            _ if file.starts_with(&SIGNATURE) => Some(ImageFormat::Png),
            _ => None,
        }
    }

    /// Media type for `Content-Type`, such as `image/png`.
    pub const fn media_type(self) -> &'static str {
        match self {
            ImageFormat::Png => "image/png",
            ImageFormat::Jpeg => "image/jpeg",
            ImageFormat::Webp => "image/webp",
        }
    }

    /// File name extension without the dot, such as `jpg`.
    pub const fn extension(self) -> &'static str {
        match self {
            ImageFormat::Png => "png",
            ImageFormat::Jpeg => "jpg",
            ImageFormat::Webp => "webp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_recognised_by_the_first_bytes_alone() {
        let files: [(&[u8], ImageFormat, &str, &str); 3] = [
            (b"\x89PNG\r\n\x1a\n", ImageFormat::Png, "image/png", "png"),
            (b"\xff\xd8\xff", ImageFormat::Jpeg, "image/jpeg", "jpg"),
            (b"RIFF\x10\0\0\0WEBP", ImageFormat::Webp, "image/webp", "webp"),
        ];
        for (start, format, media_type, extension) in files {
            assert_eq!((format.media_type(), format.extension()), (media_type, extension));
            assert_eq!(ImageFormat::of(&[start, b"anything"].concat()), Some(format));
            for length in 0..start.len() {
                assert_eq!(ImageFormat::of(&start[..length]), None, "{format:?}, {length} bytes");
            }
        }
        for other in [&b"GIF89a"[..], b"<svg/>", b"RIFF\x10\0\0\0WAVEfmt ", b"\x89PNG\n\x1a\n\0\0", b" \xff\xd8\xff"] {
            assert_eq!(ImageFormat::of(other), None);
        }
    }
}

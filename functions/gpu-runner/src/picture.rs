//! Picture files from outside → pixels of the size that is drawn. Must not know where a file came from.
//!
//! PNG, JPEG or WebP, by what the file holds and never by its name; of an animation the first picture. It is turned as
//! its EXIF orientation says, laid over white where it is transparent, cut to the shape of what is drawn, around its
//! middle, and scaled with Lanczos3. Cut rather than squeezed: faces keep their proportions. Colour profiles are passed
//! over.

use std::io::Cursor;

use image::imageops::{FilterType, crop_imm, resize};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::backend::{Mask, Rgb};
use crate::{Code, DrawError};

/// Beyond these a file is refused before anything is allocated for it.
const MAX_PIXELS: u64 = 64_000_000;
const MAX_SIDE: u32 = 16_384;
/// All that one file may make a decoder hold: the most pixels of four channels with 16 bits, and the decoder's own.
const MAX_MEMORY: u64 = 8 * MAX_PIXELS + (128 << 20);

/// Reads a file as a picture of `width` × `height`. An error is the file's fault, and its text may be shown.
pub fn read(file: &[u8], width: u32, height: u32) -> Result<Rgb, DrawError> {
    read_as(file, |_| (width, height))
}

/// The same at the size that `shape` makes of the file's own.
pub fn read_as(file: &[u8], shape: impl FnOnce((u32, u32)) -> (u32, u32)) -> Result<Rgb, DrawError> {
    let picture = over_white(decode(file)?);
    let (width, height) = shape(picture.dimensions());
    let (x, y, across, down) = cut(picture.dimensions(), (width, height));
    let picture = resize(&*crop_imm(&picture, x, y, across, down), width, height, FilterType::Lanczos3);
    Ok(Rgb { width, height, bytes: picture.into_raw() })
}

/// Width and height as it is turned. All of the file was read: one that is damaged is an error.
pub fn size(file: &[u8]) -> Result<(u32, u32), DrawError> {
    let picture = decode(file)?;
    Ok((picture.width(), picture.height()))
}

/// Whether a file that begins so is of a kind that is read.
pub fn is_picture(start: &[u8]) -> bool {
    format(start).is_some()
}

/// Reads a file as a mask of `width` × `height`, cut as a picture is: where it is white or transparent is drawn anew.
pub fn read_mask(file: &[u8], width: u32, height: u32) -> Result<Mask, DrawError> {
    Ok(Mask::of(&read(file, width, height)?))
}

/// A square of `side` from the middle, the shorter side scaled to it with bicubic weights (Catmull and Rom).
pub fn middle(rgb: &Rgb, side: u32) -> Rgb {
    let (width, height) = (u64::from(rgb.width.max(1)), u64::from(rgb.height.max(1)));
    let short = width.min(height);
    // The longer side rounded down, as the reference has it.
    let scaled = |length: u64| (length * u64::from(side) / short) as u32;
    let (across, down) = (scaled(width), scaled(height));
    let whole = RgbImage::from_raw(rgb.width, rgb.height, rgb.bytes.clone()).unwrap_or_default();
    let whole = resize(&whole, across, down, FilterType::CatmullRom);
    let cut = crop_imm(&whole, (across - side.min(across)) / 2, (down - side.min(down)) / 2, side, side).to_image();
    Rgb { width: side, height: side, bytes: cut.into_raw() }
}

fn decode(file: &[u8]) -> Result<DynamicImage, DrawError> {
    let unreadable = |e: image::ImageError| invalid(format!("the picture can't be read: {e}"));
    let format = format(file).ok_or_else(|| invalid("the file is not a PNG, JPEG or WebP picture".into()))?;
    if format == ImageFormat::Jpeg && !is_whole_jpeg(file) {
        return Err(invalid("the picture ends too early".into()));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(invalid(format!("the picture has {width}x{height} pixels, at most {MAX_PIXELS} are read")));
    }
    // What can't be understood of it turns nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn format(file: &[u8]) -> Option<ImageFormat> {
    let known = |format: &ImageFormat| matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP);
    image::guess_format(file).ok().filter(known)
}

/// Whether the end of the picture is there: the decoder makes up what is missing. What comes behind the end, such as
/// the film of a motion photo, is not looked at.
fn is_whole_jpeg(file: &[u8]) -> bool {
    // Behind the start, which has no length.
    let mut rest = file.get(2..).unwrap_or_default();
    loop {
        // No coded sample looks like one of these: 0xff in a scan is followed by 0 or is a restart.
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xd0..=0xd7 | 0xff);
        let Some(at) = rest.windows(2).position(is_marker) else { return false };
        match rest.get(at + 1..) {
            Some([0xd9, ..]) => return true,
            Some([_, segment @ ..]) => {
                let Some(&[high, low]) = segment.first_chunk() else { return false };
                rest = segment.get(usize::from(u16::from_be_bytes([high, low]))..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

fn over_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let blend = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let mut opaque = RgbImage::new(picture.width(), picture.height());
    for (to, from) in opaque.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue, alpha] = from.0;
        to.0 = [red, green, blue].map(|value| blend(value, alpha));
    }
    opaque
}

/// The largest part of a picture, around its middle, that has the shape of another: x, y, width, height.
fn cut((width, height): (u32, u32), (like_width, like_height): (u32, u32)) -> (u32, u32, u32, u32) {
    let [w, h, lw, lh] = [width, height, like_width.max(1), like_height.max(1)].map(u64::from);
    let scaled = |side: u64, by: u64, over: u64| ((side * by + over / 2) / over).max(1);
    let across = if w * lh > h * lw { scaled(h, lw, lh).min(w) } else { w } as u32;
    let down = if w * lh > h * lw { h } else { scaled(w, lh, lw).min(h) } as u32;
    ((width - across) / 2, (height - down) / 2, across, down)
}

fn invalid(message: String) -> DrawError {
    DrawError::new(Code::InvalidImage, message)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn parts_are_cut_around_the_middle() {
        assert_eq!(cut((100, 50), (64, 64)), (25, 0, 50, 50));
        assert_eq!(cut((50, 100), (64, 64)), (0, 25, 50, 50));
        assert_eq!(cut((300, 200), (96, 64)), (0, 0, 300, 200));
        assert_eq!(cut((101, 100), (64, 64)), (0, 0, 100, 100));
        // Never nothing, never more than there is.
        assert_eq!(cut((1, 16_384), (2048, 64)), (0, 8191, 1, 1));
        assert_eq!(cut((16_384, 1), (64, 2048)), (8191, 0, 1, 1));
        assert_eq!(cut((3, 2), (2048, 2040)), (0, 0, 2, 2));
    }
}

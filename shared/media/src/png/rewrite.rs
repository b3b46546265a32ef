//! Rewriting of a PNG: its header, palette, transparency and image data, and nothing else. The file is read twice, for
//! these and for the image data, so that no list of its chunks is held.

use super::chunks::{Checksums, ChunkReader, SIGNATURE, write_chunk};
use super::header::{ColourType, Header};
use super::image_data::ImageData;
use crate::rewrite::check_dimensions;
use crate::{EncodedImage, Error, ImageFormat};

/// Chunks that say how the image data is to be read.
#[derive(Default)]
struct Parts<'a> {
    header: Option<(Header, &'a [u8])>,
    palette: &'a [u8],
    transparency: &'a [u8],
}

/// Verifies a PNG file and writes it anew.
pub(crate) fn rewrite(file: &[u8]) -> Result<EncodedImage, Error> {
    let Parts { header, palette, transparency } = Parts::read(file)?;
    let (header, ihdr) = header.ok_or(Error::Invalid("no IHDR"))?;
    if !header.fits_palette(palette.len(), transparency.len()) {
        return Err(Error::Invalid("PLTE or tRNS does not fit the colour type"));
    }
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(&SIGNATURE);
    write_chunk(&mut out, b"IHDR", ihdr);
    // Elsewhere a palette is a suggestion for screens with few colours.
    if header.colour_type == ColourType::Indexed {
        write_chunk(&mut out, b"PLTE", palette);
    }
    if !transparency.is_empty() {
        write_chunk(&mut out, b"tRNS", transparency);
    }
    copy_image_data(file, &header, &mut out)?;
    write_chunk(&mut out, b"IEND", &[]);
    Ok(EncodedImage { bytes: out, format: ImageFormat::Png, width: header.width, height: header.height })
}

/// Copies the `IDAT` chunks up to the end of their zlib stream.
fn copy_image_data(file: &[u8], header: &Header, out: &mut Vec<u8>) -> Result<(), Error> {
    // Their checksums were verified when the parts were read.
    let mut chunks = ChunkReader::new(file, Checksums::Ignore)?;
    let mut data = ImageData::new(header.passes());
    while !data.is_complete() {
        let chunk = chunks.next_chunk()?;
        match chunk.kind {
            b"IDAT" if chunk.data.is_empty() => {}
            b"IDAT" => write_chunk(out, b"IDAT", data.read(chunk.data).ok_or(Error::Invalid("IDAT"))?),
            b"IEND" => return Err(Error::Invalid("IDAT is cut off")),
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Parts<'a> {
    /// Verifies every chunk up to `IEND`.
    fn read(file: &'a [u8]) -> Result<Parts<'a>, Error> {
        let mut chunks = ChunkReader::new(file, Checksums::Verify)?;
        let mut parts = Parts::default();
        loop {
            let chunk = chunks.next_chunk()?;
            match (chunk.kind, &parts.header) {
                (b"IHDR", None) => {
                    let header = Header::read(chunk.data).ok_or(Error::Invalid("IHDR"))?;
                    check_dimensions(header.width, header.height)?;
                    parts.header = Some((header, chunk.data));
                }
                (b"IHDR", Some(_)) | (_, None) => return Err(Error::Invalid("IHDR is not the first chunk")),
                (b"PLTE", _) => parts.palette = chunk.data,
                (b"tRNS", _) => parts.transparency = chunk.data,
                (b"IDAT", _) => {}
                (b"IEND", _) => return Ok(parts),
                ([first, ..], _) if first.is_ascii_uppercase() => {
                    return Err(Error::Invalid("an unknown critical PNG chunk"));
                }
                _ => {}
            }
        }
    }
}

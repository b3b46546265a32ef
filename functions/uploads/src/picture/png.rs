//! PNG (W3C Portable Network Graphics, third edition). The image data is inflated and must be exactly the rows the
//! header announces; the file is then written anew from the header, the palette with its transparency, and the bytes the
//! inflater read.

use domain::Error;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::{Picture, check_size, invalid};

pub const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

struct Header {
    width: u32,
    height: u32,
    bits_per_pixel: u32,
    colour: u8,
    interlaced: bool,
}

impl Header {
    fn read(data: &[u8]) -> Option<Header> {
        let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, 0, 0, interlace @ (0 | 1)] = data else { return None };
        let channels = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
            (4, 8 | 16) => 2,
            (2, 8 | 16) => 3,
            (6, 8 | 16) => 4,
            _ => return None,
        };
        Some(Header {
            width: u32::from_be_bytes([w0, w1, w2, w3]),
            height: u32::from_be_bytes([h0, h1, h2, h3]),
            bits_per_pixel: channels * u32::from(depth),
            colour,
            interlaced: interlace == 1,
        })
    }

    /// The passes of the image data: rows, and bytes of each with its filter byte (§8.1 for the interlaced seven).
    fn passes(&self) -> Vec<(u64, u64)> {
        const WHOLE: [(u32, u32, u32, u32); 1] = [(0, 0, 1, 1)];
        const ADAM7: [(u32, u32, u32, u32); 7] =
            [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        let passes: &[_] = if self.interlaced { &ADAM7 } else { &WHOLE };
        let size = |&(x, y, dx, dy): &(u32, u32, u32, u32)| {
            let columns = u64::from(self.width.saturating_sub(x).div_ceil(dx));
            let rows = u64::from(self.height.saturating_sub(y).div_ceil(dy));
            (rows, 1 + (columns * u64::from(self.bits_per_pixel)).div_ceil(8))
        };
        passes.iter().map(size).filter(|&(rows, bytes)| rows > 0 && bytes > 1).collect()
    }
}

pub fn rewrite(file: &[u8]) -> Result<Picture, Error> {
    let mut rest = file.get(SIGNATURE.len()..).unwrap_or_default();
    let mut header = None;
    let (mut palette, mut transparency): (&[u8], &[u8]) = (&[], &[]);
    let mut packed: Vec<&[u8]> = Vec::new();
    loop {
        let (kind, data) = chunk(&mut rest).ok_or_else(|| invalid("a chunk is cut off or damaged"))?;
        match (kind, &header) {
            (b"IHDR", None) => {
                let read = Header::read(data).ok_or_else(|| invalid("IHDR"))?;
                check_size(read.width, read.height)?;
                header = Some((read, data));
            }
            (b"IHDR", Some(_)) | (_, None) => return Err(invalid("IHDR is not the first chunk")),
            (b"PLTE", _) => palette = data,
            (b"tRNS", _) => transparency = data,
            (b"IDAT", _) if data.is_empty() => {}
            (b"IDAT", _) => packed.push(data),
            (b"IEND", _) => break,
            ([first, ..], _) if first.is_ascii_uppercase() => return Err(invalid("an unknown critical chunk")),
            _ => {}
        }
    }
    let Some((header, head)) = header else { return Err(invalid("IHDR")) };
    let entries = palette.len() / 3;
    let good = match header.colour {
        3 => (1..=256).contains(&entries) && palette.len() % 3 == 0 && transparency.len() <= entries,
        0 => palette.is_empty() && matches!(transparency.len(), 0 | 2),
        2 => palette.len() % 3 == 0 && entries <= 256 && matches!(transparency.len(), 0 | 6),
        _ => transparency.is_empty(),
    };
    if !good {
        return Err(invalid("the palette does not fit the colour type"));
    }
    let data = checked(&packed, &header.passes()).ok_or_else(|| invalid("the image data"))?;
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(&SIGNATURE);
    append(&mut out, b"IHDR", head);
    if header.colour == 3 {
        append(&mut out, b"PLTE", palette);
    }
    if !transparency.is_empty() {
        append(&mut out, b"tRNS", transparency);
    }
    data.iter().for_each(|piece| append(&mut out, b"IDAT", piece));
    append(&mut out, b"IEND", &[]);
    let Header { width, height, .. } = header;
    Ok(Picture { bytes: out, content_type: "image/png", extension: "png", width, height })
}

/// Takes the next chunk off: its type and data, if it is whole and its checksum fits.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8; 4], &'a [u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let kind = after.first_chunk::<4>()?;
    let (checked, after) = after.split_at_checked(length.checked_add(4)?)?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    *rest = after;
    (u32::from_be_bytes(*sum) == crc(&[checked])).then_some((kind, checked.get(4..)?))
}

fn append(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    // Nothing is longer than the file it came from, which is far below 4 GiB.
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    out.extend_from_slice(&crc(&[kind, data]).to_be_bytes());
}

/// The bytes of the zlib stream that lies in these pieces, without what follows it; None unless it inflates to exactly
/// the rows of the passes, each with a known filter.
fn checked<'a>(pieces: &[&'a [u8]], passes: &[(u64, u64)]) -> Option<Vec<&'a [u8]>> {
    let mut state = InflateState::new_boxed(DataFormat::Zlib);
    let mut rows = passes.iter().flat_map(|&(rows, bytes)| (0..rows).map(move |_| bytes));
    let mut left_in_row = 0;
    let mut buffer = vec![0; 64 << 10];
    let mut read = Vec::new();
    for piece in pieces {
        let mut at = 0;
        loop {
            let step = inflate(&mut state, piece.get(at..)?, &mut buffer, MZFlush::None);
            at += step.bytes_consumed;
            let mut unseen = buffer.get(..step.bytes_written)?;
            while let Some(filter) = unseen.first() {
                if left_in_row == 0 {
                    left_in_row = rows.next()?;
                    if *filter > 4 {
                        return None;
                    }
                }
                let taken = unseen.len().min(usize::try_from(left_in_row).unwrap_or(usize::MAX));
                unseen = unseen.get(taken..)?;
                left_in_row -= taken as u64;
            }
            match step.status {
                Ok(MZStatus::StreamEnd) => {
                    read.push(piece.get(..at)?);
                    return (left_in_row == 0 && rows.next().is_none()).then_some(read);
                }
                Ok(_) if step.bytes_consumed > 0 || step.bytes_written > 0 => {}
                Ok(_) | Err(MZError::Buf) if at == piece.len() => break,
                _ => return None,
            }
        }
        read.push(piece);
    }
    None
}

/// CRC-32 of annex D over the parts in a row.
fn crc(parts: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut c = n as u32;
            let mut bit = 0;
            while bit < 8 {
                c = if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
                bit += 1;
            }
            table[n] = c;
            n += 1;
        }
        table
    };
    let bytes = parts.iter().flat_map(|part| part.iter());
    !bytes.fold(!0, |c, byte| TABLE[usize::from((c as u8) ^ byte)] ^ (c >> 8))
}

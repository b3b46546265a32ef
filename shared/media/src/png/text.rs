//! Texts of a PNG file (§11.3.3) that say how an image was generated. Must not look at the image data.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::chunks::{Checksums, ChunkReader};
use super::header;
use crate::Error;

/// Largest text in bytes, after inflating.
const MAX_TEXT: usize = 256 << 10;

/// Dimensions of a PNG and the texts that say how the image was generated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PngText {
    /// Width in pixels, 1 to 2³¹ − 1.
    pub width: u32,
    /// Height in pixels, 1 to 2³¹ − 1.
    pub height: u32,
    /// Text under the keyword `parameters`, as Stable Diffusion web UI writes it.
    pub parameters: Option<String>,
    /// Text under the keyword `generation`: JSON, written by this project's runner.
    pub generation: Option<String>,
}

/// Reads the dimensions and the `tEXt`, `zTXt` and `iTXt` texts of a PNG file. Of several texts under one keyword the
/// first counts. Checksums are ignored: a damaged text is returned as it is.
///
/// # Errors
/// [`Error::Invalid`] when the file is no complete PNG, or when one of the texts can't be read or is above 256 KiB.
pub fn read_text(file: &[u8]) -> Result<PngText, Error> {
    let mut chunks = ChunkReader::new(file, Checksums::Ignore)?;
    let ihdr = chunks.next_chunk()?;
    let range = 1..=i32::MAX as u32;
    let (width, height) = Some(ihdr.data)
        .filter(|_| ihdr.kind == b"IHDR")
        .and_then(header::dimensions)
        .filter(|(width, height)| range.contains(width) && range.contains(height))
        .ok_or(Error::Invalid("IHDR"))?;
    let mut texts = PngText { width, height, parameters: None, generation: None };
    loop {
        let chunk = chunks.next_chunk()?;
        let decode = match chunk.kind {
            b"IEND" => return Ok(texts),
            b"tEXt" => decode_text,
            b"zTXt" => decode_compressed,
            b"iTXt" => decode_international,
            _ => continue,
        };
        let (keyword, content) = split_at_nul(chunk.data).unwrap_or_default();
        let text = match keyword {
            b"parameters" => &mut texts.parameters,
            b"generation" => &mut texts.generation,
            _ => continue,
        };
        if text.is_none() {
            *text = Some(decode(content).ok_or(Error::Invalid("a text that can't be read, or has more than 256 KiB"))?);
        }
    }
}

/// Bytes before and behind the first NUL.
fn split_at_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, after) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == 0)?)?;
    Some((before, after.get(1..)?))
}

/// `tEXt`: Latin-1 by the standard. Some programs write UTF-8, which hardly any Latin-1 text happens to be.
fn decode_text(text: &[u8]) -> Option<String> {
    let latin1 = || text.iter().map(|byte| char::from(*byte)).collect();
    (text.len() <= MAX_TEXT).then(|| String::from_utf8(text.to_vec()).unwrap_or_else(|_| latin1()))
}

/// `zTXt`: compression method 0 (zlib), then the text of a `tEXt`.
fn decode_compressed(content: &[u8]) -> Option<String> {
    decode_text(&inflate(content.strip_prefix(&[0])?)?)
}

/// `iTXt`: compression flag and method, language tag, translated keyword, text in UTF-8.
fn decode_international(content: &[u8]) -> Option<String> {
    let ([compressed, method], rest) = content.split_first_chunk::<2>()?;
    let (_language, rest) = split_at_nul(rest)?;
    let (_translated_keyword, text) = split_at_nul(rest)?;
    match (compressed, method) {
        (0, _) if text.len() <= MAX_TEXT => String::from_utf8(text.to_vec()).ok(),
        (1, 0) => String::from_utf8(inflate(text)?).ok(),
        _ => None,
    }
}

fn inflate(stream: &[u8]) -> Option<Vec<u8>> {
    decompress_to_vec_zlib_with_limit(stream, MAX_TEXT).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::png::text_metadata::{ITXtChunk, TEXtChunk, ZTXtChunk};

    fn file(texts: impl FnOnce(&mut ::png::Writer<&mut Vec<u8>>)) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut file, 3, 2);
        encoder.set_color(::png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        texts(&mut writer);
        writer.write_image_data(&[0; 6]).unwrap();
        writer.finish().unwrap();
        file
    }

    fn text(parameters: &str) -> PngText {
        PngText { width: 3, height: 2, parameters: Some(parameters.into()), generation: None }
    }

    #[test]
    fn each_kind_of_text_is_read() {
        let (latin, chinese) = ("l\u{e9}ger, a cat", "\u{4e00}\u{96bb}\u{8c93} \u{1f98a}");
        let name = "parameters".to_string();
        let plain = file(|w| w.write_text_chunk(&TEXtChunk { keyword: name.clone(), text: latin.into() }).unwrap());
        assert_eq!(read_text(&plain).unwrap(), text(latin));
        let packed = file(|w| w.write_text_chunk(&ZTXtChunk::new(name.clone(), latin)).unwrap());
        assert_eq!(read_text(&packed).unwrap(), text(latin));
        for compressed in [false, true] {
            let mut chunk = ITXtChunk::new(name.clone(), chinese);
            chunk.compressed = compressed;
            let international = file(|w| {
                w.write_text_chunk(&ITXtChunk::new("other", "x")).unwrap();
                w.write_text_chunk(&chunk).unwrap();
                w.write_text_chunk(&TEXtChunk::new(name.clone(), "second")).unwrap();
            });
            assert_eq!(read_text(&international).unwrap(), text(chinese));
        }
        assert_eq!(read_text(&file(|_| {})).unwrap(), PngText { width: 3, height: 2, ..PngText::default() });
    }

    /// A chunk as it stands in a file, behind a header.
    fn with(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let plain = file(|_| {});
        let mut out = plain[..33].to_vec();
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(kind);
        out.extend(data);
        out.extend([0; 4]);
        out.extend(&plain[33..]);
        out
    }

    #[test]
    fn bombs_and_broken_files_are_refused() {
        let zeros = miniz_oxide::deflate::compress_to_vec_zlib(&vec![b'0'; 100 << 20], 9);
        let cases: [(&[u8; 4], Vec<u8>); 8] = [
            (b"zTXt", [b"parameters\0\0", &zeros[..]].concat()),
            (b"iTXt", [b"parameters\0\x01\0\0\0", &zeros[..]].concat()),
            (b"iTXt", b"parameters\0\0\0\0\0\xff".to_vec()),
            (b"iTXt", b"parameters\0\0".to_vec()),
            (b"zTXt", b"parameters\0\x01x".to_vec()),
            (b"zTXt", b"parameters\0\0not zlib".to_vec()),
            (b"tEXt", [b"parameters\0", &vec![b'a'; MAX_TEXT + 1][..]].concat()),
            (b"iTXt", [b"parameters\0\0\0\0\0", &vec![b'a'; MAX_TEXT + 1][..]].concat()),
        ];
        for (kind, data) in cases {
            assert!(matches!(read_text(&with(kind, &data)), Err(Error::Invalid(_))));
        }
        // What nobody asked for may be anything.
        for data in [&b""[..], b"no end", b"other\0\xff"] {
            assert_eq!(read_text(&with(b"iTXt", data)).unwrap().parameters, None);
        }
        let whole = with(b"tEXt", b"parameters\0x");
        assert_eq!(read_text(&whole).unwrap(), text("x"));
        for length in 0..whole.len() {
            assert!(matches!(read_text(&whole[..length]), Err(Error::Invalid(_))), "{length}");
        }
        let mut huge = whole.clone();
        huge[33..37].fill(0xff);
        assert!(read_text(&huge).is_err());
        let mut empty = whole;
        empty[16..20].fill(0);
        assert!(read_text(&empty).is_err());
    }
}

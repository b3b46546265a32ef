//! The size and the texts of a PNG file (W3C Portable Network Graphics, third edition, §11.3.3). What the picture shows is
//! not looked at, and checksums are not: a text that was damaged is shown as it is.

use domain::Error;
use domain::messages::INVALID_IMAGE;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit as inflate;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Bytes of one text, inflated.
const MAX_TEXT: usize = 256 << 10;

#[derive(Debug, Default, PartialEq)]
pub struct Told {
    pub width: u32,
    pub height: u32,
    /// The web UI's text.
    pub parameters: Option<String>,
    /// Our own pictures'.
    pub generation: Option<String>,
}

/// Of several texts under one name the first counts.
pub fn read(file: &[u8]) -> Result<Told, Error> {
    let mut rest = file.strip_prefix(SIGNATURE).ok_or_else(|| invalid("no signature"))?;
    let mut told = Told::default();
    let header = chunk(&mut rest).filter(|(kind, data)| *kind == b"IHDR" && data.len() == 13);
    let size = |at: usize| {
        let bytes = header.and_then(|(_, data)| data.get(at..)?.first_chunk());
        bytes.map(|bytes| u32::from_be_bytes(*bytes)).filter(|side| (1..=i32::MAX as u32).contains(side))
    };
    (told.width, told.height) = size(0).zip(size(4)).ok_or_else(|| invalid("IHDR"))?;
    loop {
        let (kind, data) = chunk(&mut rest).ok_or_else(|| invalid("a chunk is cut off"))?;
        let text = match kind {
            b"IEND" => return Ok(told),
            b"tEXt" | b"zTXt" | b"iTXt" => data,
            _ => continue,
        };
        let (keyword, text) = cut(text).unwrap_or_default();
        let place = match keyword {
            b"parameters" => &mut told.parameters,
            b"generation" => &mut told.generation,
            _ => continue,
        };
        if place.is_none() {
            let read = match kind {
                b"tEXt" => plain(text),
                b"zTXt" => text.strip_prefix(&[0]).and_then(packed).and_then(|text| plain(&text)),
                _ => international(text),
            };
            *place = Some(read.ok_or_else(|| invalid("a text that can't be read, or has more than 256 KiB"))?);
        }
    }
}

fn invalid(why: &'static str) -> Error {
    INVALID_IMAGE.on("file").cause(why)
}

/// Takes the next chunk off: its type and data.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8; 4], &'a [u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (kind, after) = after.split_first_chunk::<4>()?;
    let (data, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (_, *rest) = after.split_first_chunk::<4>()?;
    Some((kind, data))
}

/// What stands before and behind the first 0.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, after) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == 0)?)?;
    Some((before, after.get(1..)?))
}

/// Latin-1 by the standard. Some programs write UTF-8, which hardly any Latin-1 text happens to be.
fn plain(text: &[u8]) -> Option<String> {
    let latin = || text.iter().map(|byte| char::from(*byte)).collect();
    (text.len() <= MAX_TEXT).then(|| String::from_utf8(text.to_vec()).unwrap_or_else(|_| latin()))
}

fn packed(text: &[u8]) -> Option<Vec<u8>> {
    inflate(text, MAX_TEXT).ok()
}

/// Behind the keyword: whether it is compressed, how, a language, a translated keyword, and the text in UTF-8.
fn international(data: &[u8]) -> Option<String> {
    let ([compressed, method], rest) = data.split_first_chunk::<2>()?;
    let (_, text) = cut(cut(rest)?.1)?;
    match (compressed, method) {
        (0, _) if text.len() <= MAX_TEXT => String::from_utf8(text.to_vec()).ok(),
        (1, 0) => String::from_utf8(packed(text)?).ok(),
        _ => None,
    }
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

    fn told(parameters: &str) -> Told {
        Told { width: 3, height: 2, parameters: Some(parameters.into()), generation: None }
    }

    #[test]
    fn each_kind_of_text_is_read() {
        let (latin, chinese) = ("l\u{e9}ger, a cat", "\u{4e00}\u{96bb}\u{8c93} \u{1f98a}");
        let name = "parameters".to_string();
        let plain = file(|w| w.write_text_chunk(&TEXtChunk { keyword: name.clone(), text: latin.into() }).unwrap());
        assert_eq!(read(&plain).unwrap(), told(latin));
        let packed = file(|w| w.write_text_chunk(&ZTXtChunk::new(name.clone(), latin)).unwrap());
        assert_eq!(read(&packed).unwrap(), told(latin));
        for compressed in [false, true] {
            let mut chunk = ITXtChunk::new(name.clone(), chinese);
            chunk.compressed = compressed;
            let international = file(|w| {
                w.write_text_chunk(&ITXtChunk::new("other", "x")).unwrap();
                w.write_text_chunk(&chunk).unwrap();
                w.write_text_chunk(&TEXtChunk::new(name.clone(), "second")).unwrap();
            });
            assert_eq!(read(&international).unwrap(), told(chinese));
        }
        assert_eq!(read(&file(|_| {})).unwrap(), Told { width: 3, height: 2, ..Told::default() });
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
            assert_eq!(read(&with(kind, &data)).unwrap_err().code(), "invalid_image");
        }
        // What nobody asked for may be anything.
        for data in [&b""[..], b"no end", b"other\0\xff"] {
            assert_eq!(read(&with(b"iTXt", data)).unwrap().parameters, None);
        }
        let whole = with(b"tEXt", b"parameters\0x");
        assert_eq!(read(&whole).unwrap(), told("x"));
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]).unwrap_err().code(), "invalid_image", "{length}");
        }
        let mut huge = whole.clone();
        huge[33..37].fill(0xff);
        assert!(read(&huge).is_err());
        let mut empty = whole;
        empty[16..20].fill(0);
        assert!(read(&empty).is_err());
    }
}

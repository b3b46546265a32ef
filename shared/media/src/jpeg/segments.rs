//! Markers and segments of a JPEG file (T.81 annex B): the reader and the writer. Must not know a segment's content.

use crate::Error;

/// Second bytes of the markers (table B.1).
pub(super) mod marker {
    pub const SOF0_BASELINE: u8 = 0xc0;
    pub const SOF1_EXTENDED: u8 = 0xc1;
    pub const SOF2_PROGRESSIVE: u8 = 0xc2;
    /// Huffman tables.
    pub const DHT: u8 = 0xc4;
    /// The first of the eight restart markers.
    pub const RST0: u8 = 0xd0;
    /// Start of the image.
    pub const SOI: u8 = 0xd8;
    /// End of the image.
    pub const EOI: u8 = 0xd9;
    /// Start of a scan.
    pub const SOS: u8 = 0xda;
    /// Quantization tables.
    pub const DQT: u8 = 0xdb;
    /// Restart interval.
    pub const DRI: u8 = 0xdd;
    pub const APP0: u8 = 0xe0;
    pub const APP1: u8 = 0xe1;
    pub const APP14: u8 = 0xee;
    pub const APP15: u8 = 0xef;
    /// Comment.
    pub const COM: u8 = 0xfe;
}

/// Reader of the markers and segments of a file.
pub(super) struct SegmentReader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> SegmentReader<'a> {
    /// Starts behind SOI.
    ///
    /// # Errors
    /// The file does not start with SOI.
    pub fn new(file: &'a [u8]) -> Result<SegmentReader<'a>, Error> {
        if file.starts_with(&[0xff, marker::SOI]) {
            Ok(SegmentReader { file, at: 2 })
        } else {
            Err(Error::Invalid("no SOI"))
        }
    }

    /// Next marker. Bytes in front of it are skipped: fill bytes, and padding that encoders leave behind a scan.
    pub fn next_marker(&mut self) -> Option<u8> {
        let rest = self.file.get(self.at..)?;
        let is_marker = |pair: &[u8]| matches!(pair, [0xff, code] if !matches!(code, 0 | 0xff));
        let start = rest.windows(2).position(is_marker)?;
        self.at += start + 2;
        rest.get(start + 1).copied()
    }

    /// Content of the segment behind a marker, without its length.
    pub fn segment(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.file.get(self.at..)?.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
        let content = rest.get(..length)?;
        self.at += 2 + length;
        Some(content)
    }

    /// The file from here on: behind an SOS segment, the entropy-coded data.
    pub fn rest(&self) -> &'a [u8] {
        self.file.get(self.at..).unwrap_or_default()
    }

    /// Takes `length` bytes off [`rest`](Self::rest).
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let data = self.rest().get(..length)?;
        self.at += length;
        Some(data)
    }
}

/// Appends a segment. `content` was part of a segment or is a few bytes long: its length fits 16 bits.
pub(super) fn write_segment(out: &mut Vec<u8>, marker: u8, content: &[u8]) {
    let [high, low] = (content.len() as u16).wrapping_add(2).to_be_bytes();
    out.extend([0xff, marker, high, low]);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_read_as_they_were_written() {
        let mut file = vec![0xff, marker::SOI];
        write_segment(&mut file, marker::COM, b"text");
        file.extend(b"padding\xff\0\xff\xff");
        write_segment(&mut file, marker::SOS, b"");
        file.extend(b"scan\xff\xd9");
        let mut reader = SegmentReader::new(&file).unwrap();
        assert_eq!((reader.next_marker(), reader.segment()), (Some(marker::COM), Some(&b"text"[..])));
        assert_eq!((reader.next_marker(), reader.segment()), (Some(marker::SOS), Some(&b""[..])));
        assert_eq!(reader.rest(), b"scan\xff\xd9");
        assert_eq!((reader.take(4), reader.take(3)), (Some(&b"scan"[..]), None));
        assert_eq!((reader.next_marker(), reader.next_marker(), reader.segment()), (Some(marker::EOI), None, None));
    }

    #[test]
    fn lengths_outside_the_file_are_refused() {
        for end in [&b"\xff\xfe"[..], b"\xff\xfe\0", b"\xff\xfe\0\0", b"\xff\xfe\0\x01x", b"\xff\xfe\0\x05xx"] {
            let file = [b"\xff\xd8", end].concat();
            let mut reader = SegmentReader::new(&file).unwrap();
            assert_eq!((reader.next_marker(), reader.segment()), (Some(marker::COM), None));
        }
        assert!([&b""[..], b"\xff", b"\xff\xd9\xff\xd8"].iter().all(|file| SegmentReader::new(file).is_err()));
    }
}

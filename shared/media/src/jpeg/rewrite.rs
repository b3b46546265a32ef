//! Rewriting of a JPEG: its tables, frame and scans, and nothing else. Every scan is decoded symbol by symbol, and
//! exactly the bytes that were read are copied. Of the metadata the colour transform and the Exif orientation are kept.

use super::frame::Frame;
use super::huffman::HuffmanTables;
use super::orientation;
use super::scan::Scan;
use super::segments::{SegmentReader, marker, write_segment};
use crate::rewrite::check_dimensions;
use crate::{EncodedImage, Error, ImageFormat};

/// Largest number of scans, above what encoders write: each costs time.
const MAX_SCANS: u32 = 100;

/// Verifies a JPEG file and writes it anew.
pub(crate) fn rewrite(file: &[u8]) -> Result<EncodedImage, Error> {
    let mut reader = SegmentReader::new(file)?;
    let mut rewriter = Rewriter { out: Vec::with_capacity(file.len()), ..Rewriter::default() };
    rewriter.out.extend([0xff, marker::SOI]);
    loop {
        let code = reader.next_marker().ok_or(Error::Invalid("no JPEG marker where one belongs"))?;
        if code == marker::EOI {
            return rewriter.finish();
        }
        let content = reader.segment().ok_or(Error::Invalid("a JPEG segment is cut off"))?;
        match code {
            marker::SOF0_BASELINE | marker::SOF1_EXTENDED | marker::SOF2_PROGRESSIVE => {
                rewriter.frame(code, content)?
            }
            marker::DHT => rewriter.huffman_tables(content).ok_or(Error::Invalid("DHT"))?,
            marker::DQT => rewriter.quantization_tables(content).ok_or(Error::Invalid("DQT"))?,
            marker::DRI => rewriter.restart_interval(content).ok_or(Error::Invalid("DRI"))?,
            marker::SOS => rewriter.scan(content, &mut reader).ok_or(Error::Invalid("a JPEG scan"))?,
            marker::APP0..=marker::APP15 | marker::COM => rewriter.metadata(code, content),
            _ => return Err(Error::Invalid("a kind of JPEG that is not read")),
        }
    }
}

/// State that the segments so far have set, and the file they are written to.
#[derive(Default)]
struct Rewriter {
    frame: Option<Frame>,
    tables: HuffmanTables,
    /// In MCUs, 0 for none.
    restart_interval: u32,
    scans: u32,
    out: Vec<u8>,
}

impl Rewriter {
    fn frame(&mut self, code: u8, segment: &[u8]) -> Result<(), Error> {
        let frame = Frame::read(code == marker::SOF2_PROGRESSIVE, segment).ok_or(Error::Invalid("SOF"))?;
        check_dimensions(frame.width, frame.height)?;
        if self.frame.replace(frame).is_some() {
            return Err(Error::Invalid("two JPEG frames"));
        }
        write_segment(&mut self.out, code, segment);
        Ok(())
    }

    fn huffman_tables(&mut self, segment: &[u8]) -> Option<()> {
        self.tables.define(segment)?;
        write_segment(&mut self.out, marker::DHT, segment);
        Some(())
    }

    /// Tables of 64 values with 8 or 16 bits (§B.2.4.1). The values are not needed.
    fn quantization_tables(&mut self, segment: &[u8]) -> Option<()> {
        let mut rest = segment;
        while let Some((precision_and_destination, after)) = rest.split_first() {
            let bytes = match precision_and_destination >> 4 {
                0 => 64,
                1 => 128,
                _ => return None,
            };
            rest = after.get(bytes..).filter(|_| precision_and_destination & 15 < 4)?;
        }
        write_segment(&mut self.out, marker::DQT, segment);
        Some(())
    }

    fn restart_interval(&mut self, segment: &[u8]) -> Option<()> {
        let interval: [u8; 2] = segment.try_into().ok()?;
        self.restart_interval = u32::from(u16::from_be_bytes(interval));
        write_segment(&mut self.out, marker::DRI, segment);
        Some(())
    }

    /// Copies the entropy-coded data of a scan as far as it was decoded.
    fn scan(&mut self, segment: &[u8], reader: &mut SegmentReader) -> Option<()> {
        self.scans += 1;
        let frame = self.frame.as_mut().filter(|_| self.scans <= MAX_SCANS)?;
        let scan = Scan::read(segment, frame)?;
        let length = scan.decode(frame, &self.tables, self.restart_interval, reader.rest())?;
        write_segment(&mut self.out, marker::SOS, segment);
        self.out.extend_from_slice(reader.take(length)?);
        Some(())
    }

    /// Keeps the presence of JFIF, Adobe's colour transform and the Exif orientation, in front of the frame.
    fn metadata(&mut self, code: u8, segment: &[u8]) {
        if self.frame.is_some() {
            return;
        }
        let out = &mut self.out;
        match (code, segment) {
            (marker::APP0, [b'J', b'F', b'I', b'F', 0, ..]) => {
                write_segment(out, code, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
            }
            (marker::APP14, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform @ 0..=2]) => {
                write_segment(out, code, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[*transform]].concat());
            }
            (marker::APP1, exif) => {
                if let Some(orientation) = orientation::read(exif) {
                    write_segment(out, code, &orientation::segment(orientation));
                }
            }
            _ => {}
        }
    }

    fn finish(self) -> Result<EncodedImage, Error> {
        let frame = self.frame.filter(Frame::is_complete).ok_or(Error::Invalid("a JPEG without a complete image"))?;
        let mut bytes = self.out;
        bytes.extend([0xff, marker::EOI]);
        Ok(EncodedImage { bytes, format: ImageFormat::Jpeg, width: frame.width, height: frame.height })
    }
}

//! JPEG (ITU-T T.81, Huffman-coded, 8 bits: baseline, extended, progressive). Every scan is read symbol by symbol; its
//! segments are written anew from what was understood, and of the scan's bytes exactly those that were read. So no
//! quality is lost, and nothing that is not picture stays. Of the metadata only the orientation is kept.

mod bits;
mod orientation;
mod scan;

use domain::Error;

use self::bits::Huffman;
use self::scan::{Frame, Scan};
use super::{Picture, check_size, invalid};

/// More scans than any encoder makes; each costs time.
const MAX_SCANS: u32 = 100;

/// What the segments so far have set.
#[derive(Default)]
struct Decoder {
    frame: Option<Frame>,
    /// By class (DC, AC) and destination.
    tables: [[Option<Huffman>; 4]; 2],
    restart_interval: u32,
    scans: u32,
    out: Vec<u8>,
}

pub fn rewrite(file: &[u8]) -> Result<Picture, Error> {
    let mut decoder = Decoder { out: vec![0xff, 0xd8], ..Decoder::default() };
    let mut at = 2;
    loop {
        let (marker, after) = marker(file, at).ok_or_else(|| invalid("no marker where one belongs"))?;
        if marker == 0xd9 {
            break;
        }
        let (segment, after) = segment(file, after).ok_or_else(|| invalid("a segment is cut off"))?;
        at = after;
        match marker {
            0xc0..=0xc2 => decoder.frame(marker, segment)?,
            0xc4 => decoder.huffman(segment).ok_or_else(|| invalid("DHT"))?,
            0xdb => decoder.quantization(segment).ok_or_else(|| invalid("DQT"))?,
            0xdd => decoder.restart(segment).ok_or_else(|| invalid("DRI"))?,
            0xda => at = decoder.scan(segment, file, after).ok_or_else(|| invalid("a scan"))?,
            0xe0..=0xef | 0xfe => decoder.metadata(marker, segment),
            _ => return Err(invalid("a kind of JPEG that is not taken here")),
        }
    }
    let frame = decoder.frame.filter(Frame::complete).ok_or_else(|| invalid("no whole picture"))?;
    let mut bytes = decoder.out;
    bytes.extend([0xff, 0xd9]);
    Ok(Picture { bytes, content_type: "image/jpeg", extension: "jpg", width: frame.width, height: frame.height })
}

/// The marker at or, after fill bytes, behind `at`, and where it ends. What stands before it is passed over: decoders
/// differ in the padding they leave after a scan.
fn marker(file: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = file.get(at..)?;
    let start = rest.windows(2).position(|pair| matches!(pair, [0xff, code] if !matches!(code, 0 | 0xff)))?;
    Some((*rest.get(start + 1)?, at + start + 2))
}

/// The content of a segment and where it ends.
fn segment(file: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, rest) = file.get(at..)?.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
    Some((rest.get(..length)?, at + 2 + length))
}

impl Decoder {
    fn append(&mut self, marker: u8, segment: &[u8]) {
        // As long as the segment it was read from, or a few bytes of ours: within 16 bits.
        let length = (segment.len() as u16).wrapping_add(2).to_be_bytes();
        self.out.extend([0xff, marker, length[0], length[1]]);
        self.out.extend_from_slice(segment);
    }

    fn frame(&mut self, marker: u8, segment: &[u8]) -> Result<(), Error> {
        let frame = Frame::read(marker == 0xc2, segment).ok_or_else(|| invalid("SOF"))?;
        check_size(frame.width, frame.height)?;
        if self.frame.replace(frame).is_some() {
            return Err(invalid("two frames"));
        }
        self.append(marker, segment);
        Ok(())
    }

    fn huffman(&mut self, segment: &[u8]) -> Option<()> {
        let mut rest = segment;
        while let Some((target, after)) = rest.split_first() {
            let (counts, after) = after.split_first_chunk::<16>()?;
            let total = counts.iter().map(|n| usize::from(*n)).sum();
            let (symbols, after) = after.split_at_checked(total)?;
            let slot = self.tables.get_mut(usize::from(target >> 4))?.get_mut(usize::from(target & 15))?;
            *slot = Some(Huffman::new(counts, symbols)?);
            rest = after;
        }
        self.append(0xc4, segment);
        Some(())
    }

    fn quantization(&mut self, segment: &[u8]) -> Option<()> {
        let mut rest = segment;
        while let Some((target, after)) = rest.split_first() {
            let bytes = match target >> 4 {
                0 => 64,
                1 => 128,
                _ => return None,
            };
            rest = after.get(bytes..).filter(|_| target & 15 < 4)?;
        }
        self.append(0xdb, segment);
        Some(())
    }

    fn restart(&mut self, segment: &[u8]) -> Option<()> {
        let interval: [u8; 2] = segment.try_into().ok()?;
        self.restart_interval = u32::from(u16::from_be_bytes(interval));
        self.append(0xdd, segment);
        Some(())
    }

    /// Reads the scan that begins at `start`; returns where it ends.
    fn scan(&mut self, segment: &[u8], file: &[u8], start: usize) -> Option<usize> {
        self.scans += 1;
        let frame = self.frame.as_mut().filter(|_| self.scans <= MAX_SCANS)?;
        let scan = Scan::read(segment, frame)?;
        let end = scan::run(&scan, frame, &self.tables, self.restart_interval, file, start)?;
        self.append(0xda, segment);
        self.out.extend_from_slice(file.get(start..end)?);
        Some(end)
    }

    /// JFIF and Adobe's marker say how colours are meant, Exif which side is up; everything else goes.
    fn metadata(&mut self, marker: u8, segment: &[u8]) {
        if self.frame.is_some() {
            return;
        }
        match (marker, segment) {
            (0xe0, [b'J', b'F', b'I', b'F', 0, ..]) => self.append(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            (0xee, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform @ 0..=2]) => {
                self.append(0xee, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[*transform]].concat());
            }
            (0xe1, exif) => {
                if let Some(side) = orientation::read(exif) {
                    self.append(0xe1, &orientation::write(side));
                }
            }
            _ => {}
        }
    }
}

//! Exif orientation (TIFF tag 0x0112, Exif 2.32 §4.6.4): the one piece of metadata without which an image looks wrong.

const TAG: u16 = 0x0112;

/// Orientation of an APP1 segment's content, 2 to 8; None when it names none, or 1: upright.
pub(super) fn read(segment: &[u8]) -> Option<u8> {
    let tiff = segment.strip_prefix(b"Exif\0\0")?;
    let little_endian = match tiff.first_chunk::<4>()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let pair = *tiff.get(at..)?.first_chunk::<2>()?;
        Some(if little_endian { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let offset = *tiff.get(4..)?.first_chunk::<4>()?;
    let offset = if little_endian { u32::from_le_bytes(offset) } else { u32::from_be_bytes(offset) };
    let directory = usize::try_from(offset).ok().filter(|at| *at < tiff.len())?;
    let entries = usize::from(short(directory)?);
    // The number of entries is the file's claim: reading stops where the segment does.
    let tags = (0..entries).map(|i| directory + 2 + 12 * i).map_while(|at| Some((at, short(at)?)));
    let (entry, _) = { tags }.find(|(_, tag)| *tag == TAG)?;
    u8::try_from(short(entry + 8)?).ok().filter(|orientation| (2..=8).contains(orientation))
}

/// Content of an APP1 segment with an orientation and nothing else.
pub(super) fn segment(orientation: u8) -> Vec<u8> {
    let mut out = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    out.extend([orientation, 0, 0, 0, 0, 0, 0]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orientation_is_read_as_it_was_written() {
        for orientation in 0..=255 {
            let expected = Some(orientation).filter(|o| (2..=8).contains(o));
            assert_eq!(read(&segment(orientation)), expected);
        }
        let whole = segment(6);
        // Six bytes behind the value: the padding of the entry and the offset of the next directory.
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Some(6).filter(|_| length >= whole.len() - 6), "{length} bytes");
        }
    }

    #[test]
    fn both_byte_orders_are_read_and_other_tags_skipped() {
        let little = b"Exif\0\0II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0Cam\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0";
        assert_eq!(read(little), Some(8));
        assert_eq!(read(&little[..30]), None);
        assert_eq!(read(b"http://ns.adobe.com/xap/1.0/\0"), None);
    }
}

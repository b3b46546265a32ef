//! The one thing of Exif a picture looks wrong without: which side is up (TIFF tag 0x0112, Exif 2.32 §4.6.4).

const TAG: u16 = 0x0112;

/// The orientation an APP1 segment names, if it is another than upright: 2 to 8.
pub fn read(segment: &[u8]) -> Option<u8> {
    let tiff = segment.strip_prefix(b"Exif\0\0")?;
    let little = match tiff.first_chunk::<4>()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let pair = *tiff.get(at..)?.first_chunk::<2>()?;
        Some(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let quad = *tiff.get(4..)?.first_chunk::<4>()?;
    let directory = if little { u32::from_le_bytes(quad) } else { u32::from_be_bytes(quad) };
    let directory = usize::try_from(directory).ok().filter(|at| *at < tiff.len())?;
    let entries = usize::from(short(directory)?);
    let entry = (0..entries).map(|i| directory + 2 + 12 * i).find(|at| short(*at) == Some(TAG))?;
    u8::try_from(short(entry + 8)?).ok().filter(|side| (2..=8).contains(side))
}

/// An APP1 segment that says this and nothing else.
pub fn write(side: u8) -> Vec<u8> {
    let mut out = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    out.extend([side, 0, 0, 0, 0, 0, 0]);
    out
}

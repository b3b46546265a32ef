//! Chunks of a PNG file (§5.3): the one reader, the one writer, and their CRC-32. Must not know a chunk's content.

use crate::Error;

/// First eight bytes of every PNG file (§5.2).
pub(crate) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Treatment of the checksum behind each chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksums {
    /// A chunk with a wrong checksum is an error.
    Verify,
    /// Damaged chunks are returned as they are.
    Ignore,
}

/// Chunk of a PNG file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// Four letters, such as `IHDR`.
    pub kind: &'a [u8; 4],
    pub data: &'a [u8],
}

/// Reader of the chunks of a file, in order.
pub(super) struct ChunkReader<'a> {
    rest: &'a [u8],
    checksums: Checksums,
}

impl<'a> ChunkReader<'a> {
    /// Starts behind the signature.
    ///
    /// # Errors
    /// The file does not start with the signature.
    pub fn new(file: &'a [u8], checksums: Checksums) -> Result<ChunkReader<'a>, Error> {
        let rest = file.strip_prefix(&SIGNATURE).ok_or(Error::Invalid("no PNG signature"))?;
        Ok(ChunkReader { rest, checksums })
    }

    /// Next chunk. The end of the file is an error: a complete file has `IEND`, behind which nobody reads.
    ///
    /// # Errors
    /// The chunk is cut off, or its checksum is wrong where checksums are verified.
    pub fn next_chunk(&mut self) -> Result<Chunk<'a>, Error> {
        let (chunk, checksum) = self.split_chunk().ok_or(Error::Invalid("a PNG chunk is cut off"))?;
        if self.checksums == Checksums::Verify && crc32(&[chunk.kind, chunk.data]) != checksum {
            return Err(Error::Invalid("a PNG chunk has a wrong checksum"));
        }
        Ok(chunk)
    }

    fn split_chunk(&mut self) -> Option<(Chunk<'a>, u32)> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (data, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some((Chunk { kind, data }, u32::from_be_bytes(*checksum)))
    }
}

/// Appends a chunk with its length and checksum. `data` was part of a chunk: it has less than 4 GiB.
pub(super) fn write_chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    out.extend_from_slice(&crc32(&[kind, data]).to_be_bytes());
}

/// CRC-32 (annex D) over the concatenated parts.
fn crc32(parts: &[&[u8]]) -> u32 {
    /// CRC of each byte value.
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let (mut rest, mut byte): (&mut [u32], u32) = (&mut table, 0);
        while let [entry, after @ ..] = rest {
            let (mut c, mut bit) = (byte, 0);
            while bit < 8 {
                c = if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
                bit += 1;
            }
            *entry = c;
            (rest, byte) = (after, byte + 1);
        }
        table
    };
    let bytes = parts.iter().flat_map(|part| part.iter());
    let step = |c: u32, byte: &u8| TABLE.get(usize::from(c as u8 ^ byte)).map_or(c, |entry| entry ^ (c >> 8));
    !bytes.fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_that_of_the_standard() {
        // Check value of CRC-32/ISO-HDLC, and the IEND chunk every file ends with.
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
        let mut out = Vec::new();
        write_chunk(&mut out, b"IEND", &[]);
        assert_eq!(out, b"\0\0\0\0IEND\xae\x42\x60\x82");
    }

    #[test]
    fn chunks_are_read_as_they_were_written() {
        let mut file = SIGNATURE.to_vec();
        write_chunk(&mut file, b"tEXt", b"abc");
        write_chunk(&mut file, b"IEND", b"");
        for checksums in [Checksums::Verify, Checksums::Ignore] {
            let mut chunks = ChunkReader::new(&file, checksums).unwrap();
            assert_eq!(chunks.next_chunk(), Ok(Chunk { kind: b"tEXt", data: b"abc" }));
            assert_eq!(chunks.next_chunk(), Ok(Chunk { kind: b"IEND", data: b"" }));
            assert_eq!(chunks.next_chunk(), Err(Error::Invalid("a PNG chunk is cut off")));
        }
    }

    #[test]
    fn the_caller_chooses_whether_damaged_chunks_are_read() {
        let mut whole = SIGNATURE.to_vec();
        write_chunk(&mut whole, b"tEXt", b"abc");
        // The kind, the data and the checksum are covered.
        for at in 12..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            let read = |checksums| ChunkReader::new(&damaged, checksums).unwrap().next_chunk().map(|c| c.data.to_vec());
            assert_eq!(read(Checksums::Verify), Err(Error::Invalid("a PNG chunk has a wrong checksum")), "{at}");
            assert_eq!(read(Checksums::Ignore).unwrap(), damaged[16..19], "{at}");
        }
        for length in 0..whole.len() {
            for checksums in [Checksums::Verify, Checksums::Ignore] {
                assert!(ChunkReader::new(&whole[..length], checksums).and_then(|mut c| c.next_chunk()).is_err());
            }
        }
    }
}

//! Image data of a PNG (§10): the zlib stream in the `IDAT` chunks. It is inflated to be counted, never held.

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

/// Bytes inflated at a time.
const BUFFER: usize = 64 << 10;

/// Reader of the zlib stream, `IDAT` by `IDAT`.
pub(super) struct ImageData {
    inflater: Box<InflateState>,
    buffer: Vec<u8>,
    rows: Rows,
    complete: bool,
}

impl ImageData {
    /// Expects the rows of `passes`: number of rows and bytes of each, both positive.
    pub fn new(passes: Vec<(u64, u64)>) -> ImageData {
        ImageData {
            inflater: InflateState::new_boxed(DataFormat::Zlib),
            buffer: vec![0; BUFFER],
            rows: Rows { passes: passes.into_iter(), rows: 0, row_bytes: 0, left: 0 },
            complete: false,
        }
    }

    /// Reads the next piece of the stream, which has not ended. Returns the piece up to the stream's end. None unless
    /// the stream inflates to exactly the expected rows, each with a filter type of the standard.
    pub fn read<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        let mut at = 0;
        loop {
            let step = inflate(&mut self.inflater, piece.get(at..)?, &mut self.buffer, MZFlush::None);
            at += step.bytes_consumed;
            self.rows.read(self.buffer.get(..step.bytes_written)?)?;
            match step.status {
                Ok(MZStatus::StreamEnd) => {
                    self.complete = true;
                    return self.rows.are_complete().then_some(piece.get(..at)?);
                }
                Ok(_) if step.bytes_consumed > 0 || step.bytes_written > 0 => {}
                Ok(_) | Err(MZError::Buf) if at == piece.len() => return Some(piece),
                _ => return None,
            }
        }
    }

    /// Reports whether the stream has ended, with the last row.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// Counter of the rows in inflated data.
struct Rows {
    /// Passes to come.
    passes: std::vec::IntoIter<(u64, u64)>,
    /// Rows to come in this pass.
    rows: u64,
    /// Bytes of each row in this pass.
    row_bytes: u64,
    /// Bytes to come in this row.
    left: u64,
}

impl Rows {
    /// None when there are more rows than expected, or a filter type is none of the five.
    fn read(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some(filter) = data.first() {
            if self.left == 0 {
                self.begin_row()?;
                if *filter > 4 {
                    return None;
                }
            }
            let read = data.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            data = data.get(read..)?;
            self.left -= read as u64;
        }
        Some(())
    }

    fn begin_row(&mut self) -> Option<()> {
        if self.rows == 0 {
            (self.rows, self.row_bytes) = self.passes.next()?;
        }
        self.rows -= 1;
        self.left = self.row_bytes;
        Some(())
    }

    fn are_complete(&self) -> bool {
        self.left == 0 && self.rows == 0 && self.passes.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec_zlib;

    /// Two passes: two rows of three bytes, one of two.
    fn read(rows: &[u8], piece: usize, end: &[u8]) -> Option<(Vec<u8>, bool)> {
        let mut data = ImageData::new(vec![(2, 3), (1, 2)]);
        let stream = [&compress_to_vec_zlib(rows, 6), end].concat();
        let mut out = Vec::new();
        for piece in stream.chunks(piece).take_while(|_| !data.is_complete()).collect::<Vec<_>>() {
            out.extend_from_slice(data.read(piece)?);
        }
        Some((out, data.is_complete()))
    }

    const ROWS: [u8; 8] = [0, 9, 9, 4, 9, 9, 1, 9];

    #[test]
    fn a_stream_in_pieces_ends_where_it_ends() {
        let stream = compress_to_vec_zlib(&ROWS, 6);
        for piece in [1, 2, 7, 1000] {
            assert_eq!(read(&ROWS, piece, b""), Some((stream.clone(), true)));
            assert_eq!(read(&ROWS, piece, b"hidden"), Some((stream.clone(), true)));
        }
    }

    #[test]
    fn rows_must_be_those_expected() {
        for missing in 0..ROWS.len() {
            assert_eq!(read(&ROWS[..missing], 5, b""), None);
        }
        assert_eq!(read(&[ROWS.as_slice(), &[0]].concat(), 5, b""), None, "a row more");
        assert_eq!(ImageData::new(vec![(2, 3)]).read(&compress_to_vec_zlib(&[0, 9, 9], 6)), None, "a row of two");
        for filter in [0, 3, 6] {
            let mut rows = ROWS;
            rows[filter] = 5;
            assert_eq!(read(&rows, 5, b""), None, "filter type 5");
        }
    }
}

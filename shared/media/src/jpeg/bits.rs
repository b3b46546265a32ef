//! Bits of entropy-coded data (T.81 §F.2.2.5). Must not know what they mean.

use super::huffman::HuffmanTable;
use super::segments::marker;

/// Reader of the bits of a scan. Ends at a marker: a scan's bits stand before it.
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    byte: u8,
    /// Unread bits of `byte`, the lowest ones.
    left: u32,
}

impl<'a> BitReader<'a> {
    pub fn new(data: &'a [u8]) -> BitReader<'a> {
        BitReader { data, at: 0, byte: 0, left: 0 }
    }

    /// Number of bytes that bits were read from, with the zero that is stuffed behind 0xff.
    pub fn bytes_read(&self) -> usize {
        self.at
    }

    #[inline]
    pub fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = *self.data.get(self.at)?;
            self.at += 1;
            if self.byte == 0xff {
                if *self.data.get(self.at)? != 0 {
                    return None;
                }
                self.at += 1;
            }
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left) & 1)
    }

    /// Up to 16 bits, the first one highest.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |bits, _| Some(bits << 1 | self.bit()?))
    }

    pub fn skip(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.bit().map(drop))
    }

    pub fn symbol(&mut self, table: &HuffmanTable) -> Option<u8> {
        table.decode(|| self.bit())
    }

    /// Drops the rest of the byte and reads a restart marker; None unless it has this number modulo 8.
    pub fn restart_marker(&mut self, number: u32) -> Option<()> {
        self.left = 0;
        let expected = [0xff, marker::RST0 | (number & 7) as u8];
        (self.data.get(self.at..self.at + 2)? == expected).then(|| self.at += 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_end_at_a_marker() {
        let mut bits = BitReader::new(&[0b1010_0000, 0xff, 0, 0xff, 0xd3, 0x80, 0xff, 0xd9]);
        assert_eq!((bits.bits(3), bits.skip(5), bits.bytes_read()), (Some(0b101), Some(()), 1));
        assert_eq!((bits.bits(8), bits.bytes_read()), (Some(0xff), 3), "the stuffed zero is read with its byte");
        assert_eq!((bits.restart_marker(2), bits.restart_marker(11), bits.bytes_read()), (None, Some(()), 5));
        assert_eq!((bits.bit(), bits.skip(7), bits.bit()), (Some(1), Some(()), None));
    }
}

//! Bits of a scan, and the Huffman codes in them (T.81 annexes C and F).

/// A table of codes in the form of §F.2.2.3: for each length the smallest and largest code and where its symbols begin.
pub struct Huffman {
    symbols: Vec<u8>,
    /// (first code, number of codes, index of the first symbol) for lengths 1 to 16.
    lengths: [(u32, u32, u32); 16],
}

impl Huffman {
    /// None when there are more codes of a length than there is room for.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Huffman> {
        let mut lengths = [(0, 0, 0); 16];
        let (mut code, mut index) = (0_u32, 0_u32);
        for (bits, (slot, count)) in (1..).zip(lengths.iter_mut().zip(counts)) {
            let count = u32::from(*count);
            *slot = (code, count, index);
            code += count;
            index += count;
            if code > 1 << bits {
                return None;
            }
            code <<= 1;
        }
        Some(Huffman { symbols: symbols.to_vec(), lengths })
    }
}

/// Reads the bits of a scan. Ends at a marker: what a scan needs must stand before it.
pub struct Bits<'a> {
    file: &'a [u8],
    at: usize,
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    pub fn new(file: &'a [u8], at: usize) -> Bits<'a> {
        Bits { file, at, byte: 0, left: 0 }
    }

    /// Just behind the last byte a bit was read from.
    pub fn end(&self) -> usize {
        self.at
    }

    #[inline]
    pub fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = *self.file.get(self.at)?;
            self.at += 1;
            if self.byte == 0xff {
                if *self.file.get(self.at)? != 0 {
                    return None;
                }
                self.at += 1;
            }
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left) & 1)
    }

    /// Up to 16 bits.
    pub fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |bits, _| Some(bits << 1 | self.bit()?))
    }

    pub fn skip(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.bit().map(drop))
    }

    pub fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        let mut code = 0;
        for (first, count, index) in table.lengths {
            code = code << 1 | self.bit()?;
            if let Some(offset) = code.checked_sub(first).filter(|offset| *offset < count) {
                return table.symbols.get((index + offset) as usize).copied();
            }
        }
        None
    }

    /// Drops the rest of the byte and takes the restart marker of this number.
    pub fn restart(&mut self, number: u32) -> Option<()> {
        self.left = 0;
        let expected = [0xff, 0xd0 | (number & 7) as u8];
        (self.file.get(self.at..self.at + 2)? == expected).then(|| self.at += 2)
    }
}

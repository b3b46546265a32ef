//! Huffman tables (T.81 annex C) and the destinations they are kept in.

/// Table of codes in the form of §F.2.2.3: for each length its codes and where their symbols begin.
pub(super) struct HuffmanTable {
    symbols: Vec<u8>,
    /// First code, number of codes and index of the first symbol, for lengths 1 to 16.
    lengths: [(u32, u32, u32); 16],
}

impl HuffmanTable {
    /// `counts[i]` codes have i + 1 bits. None when there are more codes of a length than fit.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<HuffmanTable> {
        let mut lengths = [(0, 0, 0); 16];
        let (mut code, mut index) = (0_u32, 0_u32);
        for (bits, (length, count)) in (1..).zip(lengths.iter_mut().zip(counts)) {
            let count = u32::from(*count);
            *length = (code, count, index);
            code += count;
            index += count;
            if code > 1 << bits {
                return None;
            }
            code <<= 1;
        }
        Some(HuffmanTable { symbols: symbols.to_vec(), lengths })
    }

    /// Symbol of the code that `next_bit` yields; None where there is none, or no bit.
    #[inline]
    pub fn decode(&self, mut next_bit: impl FnMut() -> Option<u32>) -> Option<u8> {
        let mut code = 0;
        for (first, count, index) in self.lengths {
            code = code << 1 | next_bit()?;
            if let Some(offset) = code.checked_sub(first).filter(|offset| *offset < count) {
                return self.symbols.get((index + offset) as usize).copied();
            }
        }
        None
    }
}

/// Tables defined so far: four destinations each for DC and AC coefficients.
#[derive(Default)]
pub(super) struct HuffmanTables {
    dc: [Option<HuffmanTable>; 4],
    ac: [Option<HuffmanTable>; 4],
}

impl HuffmanTables {
    /// Reads the tables of a DHT segment (§B.2.4.2); None when it is malformed.
    pub fn define(&mut self, segment: &[u8]) -> Option<()> {
        let mut rest = segment;
        while let Some((class_and_destination, after)) = rest.split_first() {
            let (counts, after) = after.split_first_chunk::<16>()?;
            let total = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, after) = after.split_at_checked(total)?;
            let class = match class_and_destination >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *class.get_mut(usize::from(class_and_destination & 15))? = Some(HuffmanTable::new(counts, symbols)?);
            rest = after;
        }
        Some(())
    }

    pub fn dc(&self, destination: u8) -> Option<&HuffmanTable> {
        self.dc.get(usize::from(destination))?.as_ref()
    }

    pub fn ac(&self, destination: u8) -> Option<&HuffmanTable> {
        self.ac.get(usize::from(destination))?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes 00, 01, 100, 101 for the symbols 7, 8, 9, 10.
    const COUNTS: [u8; 16] = [0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn decode(table: &HuffmanTable, bits: &[u32]) -> Option<u8> {
        let mut bits = bits.iter().copied();
        table.decode(|| bits.next())
    }

    #[test]
    fn codes_are_canonical() {
        let table = HuffmanTable::new(&COUNTS, &[7, 8, 9, 10]).unwrap();
        let codes: [&[u32]; 4] = [&[0, 0], &[0, 1], &[1, 0, 0], &[1, 0, 1]];
        assert_eq!(codes.map(|code| decode(&table, code)), [Some(7), Some(8), Some(9), Some(10)]);
        assert_eq!((decode(&table, &[1, 0]), decode(&table, &[1; 20])), (None, None));
        assert!(HuffmanTable::new(&[3; 16], &[]).is_none(), "three codes of one bit");
    }

    #[test]
    fn malformed_segments_are_refused() {
        let segment = |first: u8, symbols: &[u8]| [&[first][..], &COUNTS, symbols].concat();
        let whole = [segment(0x03, &[1, 2, 3, 4]), segment(0x10, &[5, 6, 7, 8])].concat();
        let mut tables = HuffmanTables::default();
        tables.define(&whole).unwrap();
        assert!(tables.dc(3).is_some() && tables.ac(0).is_some());
        assert!(tables.dc(0).is_none() && tables.ac(3).is_none() && tables.dc(4).is_none());
        for bad in [segment(0x04, &[1, 2, 3, 4]), segment(0x20, &[1, 2, 3, 4]), segment(0, &[1, 2, 3])] {
            assert!(HuffmanTables::default().define(&bad).is_none());
        }
    }
}

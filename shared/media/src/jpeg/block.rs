//! Blocks of 8×8 coefficients (T.81 §F.2.2, §G.1.2): reads the symbols of one block after the other. One bit of each
//! coefficient is kept, set when it is not zero: the coding of later refinements depends on it.

use super::bits::BitReader;
use super::huffman::HuffmanTable;

/// Spectral selection: first and last coefficient in zigzag order, at most 63.
pub(super) type Band = (u32, u32);

/// Decoder of the blocks of a scan. Its methods return None when the data ends, or is not what an encoder writes.
pub(super) struct BlockDecoder<'a> {
    bits: BitReader<'a>,
    /// Blocks ahead whose band is empty: EOBRUN.
    eob_run: u32,
}

impl<'a> BlockDecoder<'a> {
    pub fn new(data: &'a [u8]) -> BlockDecoder<'a> {
        BlockDecoder { bits: BitReader::new(data), eob_run: 0 }
    }

    pub fn bytes_read(&self) -> usize {
        self.bits.bytes_read()
    }

    /// Reads the restart marker of this number modulo 8.
    pub fn restart(&mut self, number: u32) -> Option<()> {
        self.eob_run = 0;
        self.bits.restart_marker(number)
    }

    /// DC coefficient, first time: the difference to the previous block's.
    pub fn dc_first(&mut self, dc: &HuffmanTable) -> Option<()> {
        let size = self.bits.symbol(dc).filter(|size| *size <= 11)?;
        self.bits.skip(u32::from(size))
    }

    /// DC coefficient, one more bit.
    pub fn dc_refine(&mut self) -> Option<()> {
        self.bits.skip(1)
    }

    /// All coefficients of a block in a sequential scan, §F.2.2.
    pub fn sequential(&mut self, dc: &HuffmanTable, ac: &HuffmanTable) -> Option<()> {
        self.dc_first(dc)?;
        let mut k = 1;
        while k < 64 {
            let symbol = u32::from(self.bits.symbol(ac)?);
            match (symbol >> 4, symbol & 15) {
                (15, 0) => k += 16,
                (_, 0) => break,
                (run, size @ 1..=10) if k + run < 64 => {
                    self.bits.skip(size)?;
                    k += run + 1;
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// AC coefficients of a band, first time, §G.1.2.2.
    pub fn ac_first(&mut self, ac: &HuffmanTable, band: Band, nonzero: &mut u64) -> Option<()> {
        if self.eob_run > 0 {
            self.eob_run -= 1;
            return Some(());
        }
        let mut k = band.0;
        while k <= band.1 {
            let symbol = u32::from(self.bits.symbol(ac)?);
            match (symbol >> 4, symbol & 15) {
                (15, 0) => k += 16,
                (run, 0) => {
                    self.eob_run = (1 << run) - 1 + self.bits.bits(run)?;
                    break;
                }
                (run, size @ 1..=10) if k + run <= band.1 => {
                    self.bits.skip(size)?;
                    k += run;
                    *nonzero |= 1 << k;
                    k += 1;
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// AC coefficients of a band, one more bit, §G.1.2.3: a bit for each coefficient that is not zero, and new
    /// coefficients of ±1 between them.
    pub fn ac_refine(&mut self, ac: &HuffmanTable, band: Band, nonzero: &mut u64) -> Option<()> {
        let mut k = band.0;
        while self.eob_run == 0 && k <= band.1 {
            let symbol = u32::from(self.bits.symbol(ac)?);
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            match size {
                0 if zeros < 15 => {
                    self.eob_run = (1 << zeros) + self.bits.bits(zeros)?;
                    break;
                }
                0 => {}
                1 => self.bits.skip(1)?,
                _ => return None,
            }
            while k <= band.1 {
                if *nonzero >> k & 1 == 1 {
                    self.bits.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                k += 1;
            }
            if size == 1 {
                if k > band.1 {
                    return None;
                }
                *nonzero |= 1 << k;
            }
            k += 1;
        }
        if self.eob_run > 0 {
            if k <= band.1 {
                let ahead = (*nonzero >> k) << k << (63 - band.1);
                self.bits.skip(ahead.count_ones())?;
            }
            self.eob_run -= 1;
        }
        Some(())
    }
}

//! The frame, and the scans that fill it (T.81 annexes F and G): reads every symbol and keeps of the coefficients only
//! which are not zero, as that decides how refinements are coded.

use super::bits::{Bits, Huffman};

pub struct Frame {
    pub width: u32,
    pub height: u32,
    progressive: bool,
    components: Vec<Component>,
}

pub struct Component {
    id: u8,
    /// Blocks in an MCU of a scan of several components: across and down.
    sampling: (u32, u32),
    /// Blocks with picture in them, and blocks with the padding up to whole MCUs.
    blocks: (u32, u32),
    padded: (u32, u32),
    /// One bit a coefficient, one word a block; empty unless progressive.
    nonzero: Vec<u64>,
    seen: bool,
}

impl Frame {
    pub fn read(progressive: bool, segment: &[u8]) -> Option<Frame> {
        let (&[8, h1, h0, w1, w0, count @ (1 | 3 | 4)], rest) = segment.split_first_chunk::<6>()? else { return None };
        let (height, width) = (u32::from(u16::from_be_bytes([h1, h0])), u32::from(u16::from_be_bytes([w1, w0])));
        let (specs, []) = rest.as_chunks::<3>() else { return None };
        if specs.len() != usize::from(count) || width == 0 || height == 0 {
            return None;
        }
        let sampling = |spec: &[u8; 3]| (u32::from(spec[1] >> 4), u32::from(spec[1] & 15));
        let fits = |&(h, v): &(u32, u32)| (1..=4).contains(&h) && (1..=4).contains(&v);
        if !specs.iter().all(|spec| fits(&sampling(spec)) && spec[2] < 4) {
            return None;
        }
        let most_h = specs.iter().map(|spec| sampling(spec).0).max()?;
        let most_v = specs.iter().map(|spec| sampling(spec).1).max()?;
        let mcus = (width.div_ceil(8 * most_h), height.div_ceil(8 * most_v));
        let component = |spec: &[u8; 3]| {
            let (h, v) = sampling(spec);
            Component {
                id: spec[0],
                sampling: (h, v),
                blocks: ((width * h).div_ceil(8 * most_h), (height * v).div_ceil(8 * most_v)),
                padded: (mcus.0 * h, mcus.1 * v),
                nonzero: Vec::new(),
                seen: false,
            }
        };
        Some(Frame { width, height, progressive, components: specs.iter().map(component).collect() })
    }

    /// Every component has been in a scan.
    pub fn complete(&self) -> bool {
        self.components.iter().all(|c| c.seen)
    }
}

/// The header of a scan.
pub struct Scan {
    /// Index into the frame's components, destinations of the DC and the AC table.
    components: Vec<(usize, usize, usize)>,
    /// The first and last coefficient, in zigzag order.
    band: (u32, u32),
    /// Corrects coefficients of an earlier scan by one bit.
    refines: bool,
}

impl Scan {
    pub fn read(segment: &[u8], frame: &Frame) -> Option<Scan> {
        let (&count, rest) = segment.split_first().filter(|(n, _)| (1..=4).contains(*n))?;
        let (specs, &[first, last, approximation]) = rest.split_at_checked(2 * usize::from(count))? else {
            return None;
        };
        let mut components: Vec<(usize, usize, usize)> = Vec::new();
        for spec in specs.as_chunks::<2>().0 {
            let index = frame.components.iter().position(|c| c.id == spec[0])?;
            if components.iter().any(|&(i, ..)| i == index) {
                return None;
            }
            components.push((index, usize::from(spec[1] >> 4), usize::from(spec[1] & 15)));
        }
        let (high, low) = (approximation >> 4, approximation & 15);
        let good = match frame.progressive {
            false => (first, last, approximation) == (0, 63, 0),
            true if first == 0 => last == 0 && low <= 13,
            true => first <= last && last < 64 && count == 1 && low <= 13,
        };
        let band = (u32::from(first), u32::from(last));
        (good && (high == 0 || high == low + 1)).then_some(Scan { components, band, refines: high > 0 })
    }
}

/// Reads a scan from `start`; returns where it ends, or None when it is not what its header says.
pub fn run(
    scan: &Scan,
    frame: &mut Frame,
    tables: &[[Option<Huffman>; 4]; 2],
    restart_interval: u32,
    file: &[u8],
    start: usize,
) -> Option<usize> {
    let mut bits = Bits::new(file, start);
    let alone = scan.components.len() == 1;
    let first = frame.components.get(scan.components.first()?.0)?;
    let (across, down) = match alone {
        true => first.blocks,
        false => (first.padded.0 / first.sampling.0, first.padded.1 / first.sampling.1),
    };
    let total = across * down;
    let mut band_runs_out = 0;
    for mcu in 0..total {
        if restart_interval > 0 && mcu > 0 && mcu % restart_interval == 0 {
            bits.restart(mcu / restart_interval - 1)?;
            band_runs_out = 0;
        }
        for &(index, dc, ac) in &scan.components {
            let component = frame.components.get_mut(index)?;
            component.seen = true;
            let (h, v) = if alone { (1, 1) } else { component.sampling };
            if !frame.progressive {
                let (dc, ac) = (tables[0].get(dc)?.as_ref()?, tables[1].get(ac)?.as_ref()?);
                (0..h * v).try_for_each(|_| sequential(&mut bits, dc, ac))?;
                continue;
            }
            if scan.band.0 == 0 {
                match scan.refines {
                    true => bits.skip(h * v)?,
                    false => {
                        let table = tables[0].get(dc)?.as_ref()?;
                        (0..h * v).try_for_each(|_| difference(&mut bits, table))?;
                    }
                }
                continue;
            }
            if component.nonzero.is_empty() {
                component.nonzero = vec![0; (component.padded.0 * component.padded.1) as usize];
            }
            // Only scans of one component come here: the MCU is the block.
            let (row, column) = (mcu / across, mcu % across);
            let block = component.nonzero.get_mut((row * component.padded.0 + column) as usize)?;
            let table = tables[1].get(ac)?.as_ref()?;
            match scan.refines {
                false => first_pass(&mut bits, table, scan.band, &mut band_runs_out, block)?,
                true => refinement(&mut bits, table, scan.band, &mut band_runs_out, block)?,
            }
        }
    }
    Some(bits.end())
}

fn difference(bits: &mut Bits, table: &Huffman) -> Option<()> {
    let size = bits.symbol(table).filter(|size| *size <= 11)?;
    bits.skip(u32::from(size))
}

/// A whole block, §F.2.2.
fn sequential(bits: &mut Bits, dc: &Huffman, ac: &Huffman) -> Option<()> {
    difference(bits, dc)?;
    let mut k = 1;
    while k < 64 {
        let symbol = u32::from(bits.symbol(ac)?);
        match (symbol >> 4, symbol & 15) {
            (15, 0) => k += 16,
            (_, 0) => break,
            (run, size @ 1..=10) if k + run < 64 => {
                bits.skip(size)?;
                k += run + 1;
            }
            _ => return None,
        }
    }
    Some(())
}

/// A band of a block for the first time, §G.1.2.2. `runs_out` counts the blocks ahead whose band is empty.
fn first_pass(bits: &mut Bits, ac: &Huffman, band: (u32, u32), runs_out: &mut u32, block: &mut u64) -> Option<()> {
    if *runs_out > 0 {
        *runs_out -= 1;
        return Some(());
    }
    let mut k = band.0;
    while k <= band.1 {
        let symbol = u32::from(bits.symbol(ac)?);
        match (symbol >> 4, symbol & 15) {
            (15, 0) => k += 16,
            (run, 0) => {
                *runs_out = (1 << run) - 1 + bits.take(run)?;
                break;
            }
            (run, size @ 1..=10) if k + run <= band.1 => {
                bits.skip(size)?;
                k += run;
                *block |= 1 << k;
                k += 1;
            }
            _ => return None,
        }
    }
    Some(())
}

/// One more bit of a band, §G.1.2.3: a bit for each coefficient that is not zero, and new ones of ±1 between them.
fn refinement(bits: &mut Bits, ac: &Huffman, band: (u32, u32), runs_out: &mut u32, block: &mut u64) -> Option<()> {
    let mut k = band.0;
    while *runs_out == 0 && k <= band.1 {
        let symbol = u32::from(bits.symbol(ac)?);
        let (mut zeros, size) = (symbol >> 4, symbol & 15);
        match size {
            0 if zeros < 15 => {
                *runs_out = (1 << zeros) + bits.take(zeros)?;
                break;
            }
            0 => {}
            1 => bits.skip(1)?,
            _ => return None,
        }
        while k <= band.1 {
            if *block >> k & 1 == 1 {
                bits.skip(1)?;
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
            *block |= 1 << k;
        }
        k += 1;
    }
    if *runs_out > 0 {
        if k <= band.1 {
            let ahead = (*block >> k) << k << (63 - band.1);
            bits.skip(ahead.count_ones())?;
        }
        *runs_out -= 1;
    }
    Some(())
}

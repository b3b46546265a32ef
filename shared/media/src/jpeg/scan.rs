//! Scans of a frame (T.81 §B.2.3, annexes F and G): reads the header, then every symbol of the entropy-coded data.

use super::block::{Band, BlockDecoder};
use super::frame::Frame;
use super::huffman::HuffmanTables;

/// Content of an SOS segment.
pub(super) struct Scan {
    components: Vec<ScanComponent>,
    pass: Pass,
}

/// Component of a scan.
struct ScanComponent {
    /// Index into the frame's components.
    index: usize,
    dc_table: u8,
    ac_table: u8,
}

/// Coefficients that a scan codes.
#[derive(Clone, Copy)]
enum Pass {
    Sequential,
    DcFirst,
    DcRefine,
    AcFirst(Band),
    AcRefine(Band),
}

impl Scan {
    /// None unless the components are the frame's and the coefficients fit its process.
    pub fn read(segment: &[u8], frame: &Frame) -> Option<Scan> {
        let (&count, rest) = segment.split_first().filter(|(n, _)| (1..=4).contains(*n))?;
        let (specs, &[first, last, approximation]) = rest.split_at_checked(2 * usize::from(count))? else {
            return None;
        };
        let mut components: Vec<ScanComponent> = Vec::new();
        for [id, tables] in specs.as_chunks::<2>().0 {
            let index = frame.components.iter().position(|component| component.id == *id)?;
            if components.iter().any(|component| component.index == index) {
                return None;
            }
            components.push(ScanComponent { index, dc_table: tables >> 4, ac_table: tables & 15 });
        }
        let (high, low) = (approximation >> 4, approximation & 15);
        if high > 0 && high != low + 1 {
            return None;
        }
        let band = (u32::from(first), u32::from(last));
        let pass = match (frame.progressive, first) {
            (false, _) => ((first, last, approximation) == (0, 63, 0)).then_some(Pass::Sequential)?,
            (true, _) if low > 13 => return None,
            (true, 0) if last > 0 => return None,
            (true, 0) if high == 0 => Pass::DcFirst,
            (true, 0) => Pass::DcRefine,
            (true, _) if first > last || last > 63 || count > 1 => return None,
            (true, _) if high == 0 => Pass::AcFirst(band),
            (true, _) => Pass::AcRefine(band),
        };
        Some(Scan { components, pass })
    }

    /// Reads the scan's entropy-coded data at the start of `data`. Returns its length in bytes, or None when it is not
    /// what the header says. `restart_interval` is in MCUs, 0 for none.
    pub fn decode(
        &self,
        frame: &mut Frame,
        tables: &HuffmanTables,
        restart_interval: u32,
        data: &[u8],
    ) -> Option<usize> {
        let mut decoder = BlockDecoder::new(data);
        let interleaved = self.components.len() > 1;
        let first = frame.components.get(self.components.first()?.index)?;
        let (across, down) = match interleaved {
            true => (first.padded.0 / first.sampling.0, first.padded.1 / first.sampling.1),
            false => first.blocks,
        };
        for mcu in 0..across * down {
            if restart_interval > 0 && mcu > 0 && mcu % restart_interval == 0 {
                decoder.restart(mcu / restart_interval - 1)?;
            }
            for &ScanComponent { index, dc_table, ac_table } in &self.components {
                let component = frame.components.get_mut(index)?;
                component.decoded = true;
                let blocks = if interleaved { component.sampling.0 * component.sampling.1 } else { 1 };
                match self.pass {
                    Pass::Sequential => {
                        let (dc, ac) = (tables.dc(dc_table)?, tables.ac(ac_table)?);
                        (0..blocks).try_for_each(|_| decoder.sequential(dc, ac))?;
                    }
                    Pass::DcFirst => {
                        let dc = tables.dc(dc_table)?;
                        (0..blocks).try_for_each(|_| decoder.dc_first(dc))?;
                    }
                    Pass::DcRefine => (0..blocks).try_for_each(|_| decoder.dc_refine())?,
                    // Scans of AC coefficients have one component: the MCU is the block.
                    Pass::AcFirst(band) => decoder.ac_first(tables.ac(ac_table)?, band, component.nonzero_of(mcu)?)?,
                    Pass::AcRefine(band) => {
                        decoder.ac_refine(tables.ac(ac_table)?, band, component.nonzero_of(mcu)?)?
                    }
                }
            }
        }
        Some(decoder.bytes_read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8×8, one component with the identifier 1.
    fn frame(progressive: bool) -> Frame {
        Frame::read(progressive, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]).unwrap()
    }

    #[test]
    fn headers_must_fit_the_process() {
        let reads =
            |progressive, end: [u8; 3]| Scan::read(&[&[1, 1, 0][..], &end].concat(), &frame(progressive)).is_some();
        assert!(reads(false, [0, 63, 0]) && !reads(false, [0, 0, 0]) && !reads(false, [0, 63, 1]));
        for good in [[0, 0, 0], [0, 0, 0x21], [1, 63, 0], [5, 5, 0x10], [1, 63, 13]] {
            assert!(reads(true, good), "{good:?}");
        }
        for bad in [[0, 63, 0], [0, 1, 0], [6, 5, 0], [1, 64, 0], [1, 63, 14], [1, 63, 0x20], [0, 0, 0x13]] {
            assert!(!reads(true, bad), "{bad:?}");
        }
    }

    #[test]
    fn components_must_be_those_of_the_frame() {
        let reads = |segment: &[u8]| Scan::read(segment, &frame(false)).is_some();
        assert!(reads(&[1, 1, 0x33, 0, 63, 0]));
        for bad in [&[][..], &[0, 0, 63, 0], &[1, 2, 0, 0, 63, 0], &[2, 1, 0, 1, 0, 0, 63, 0], &[1, 1, 0, 0, 63]] {
            assert!(!reads(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_scan_without_its_tables_is_refused() {
        let mut frame = frame(false);
        let scan = Scan::read(&[1, 1, 0, 0, 63, 0], &frame).unwrap();
        let mut tables = HuffmanTables::default();
        assert_eq!(scan.decode(&mut frame, &tables, 0, &[0; 9]), None);
        // One code of one bit, 0, for the symbol 0: a DC difference of 0, then the end of the block.
        for class in [0x00, 0x10] {
            tables.define(&[&[class, 1][..], &[0; 15], &[0]].concat()).unwrap();
        }
        assert_eq!(scan.decode(&mut frame, &tables, 0, &[0; 9]), Some(1));
        assert_eq!(scan.decode(&mut frame, &tables, 0, &[]), None);
    }
}

//! Frame header (T.81 §B.2.2): dimensions and components, and what the scans so far have decoded of them.

/// Frame of a JPEG: one image.
pub(super) struct Frame {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    pub progressive: bool,
    pub components: Vec<Component>,
}

/// One colour component of a frame.
pub(super) struct Component {
    pub id: u8,
    /// Sampling factors: blocks across and down in an MCU of an interleaved scan.
    pub sampling: (u32, u32),
    /// Blocks across and down that hold pixels.
    pub blocks: (u32, u32),
    /// Blocks across and down with padding to whole MCUs.
    pub padded: (u32, u32),
    /// One bit a coefficient and one word a block, in rows of `padded`; empty until an AC scan of a progressive frame.
    pub nonzero: Vec<u64>,
    /// A scan has decoded the component.
    pub decoded: bool,
}

impl Frame {
    /// Reads an SOF segment. None unless it has 8 bits a sample, 1, 3 or 4 components, and pixels.
    pub fn read(progressive: bool, segment: &[u8]) -> Option<Frame> {
        let (&[8, h1, h0, w1, w0, count @ (1 | 3 | 4)], rest) = segment.split_first_chunk::<6>()? else { return None };
        let (height, width) = (u32::from(u16::from_be_bytes([h1, h0])), u32::from(u16::from_be_bytes([w1, w0])));
        // Identifier, sampling factors, quantization table.
        let (specs, []) = rest.as_chunks::<3>() else { return None };
        if specs.len() != usize::from(count) || width == 0 || height == 0 {
            return None;
        }
        let sampling = |[_, factors, _]: &[u8; 3]| (u32::from(factors >> 4), u32::from(factors & 15));
        let is_valid = |spec: &[u8; 3]| {
            let ((h, v), [_, _, quantization]) = (sampling(spec), spec);
            (1..=4).contains(&h) && (1..=4).contains(&v) && *quantization < 4
        };
        if !specs.iter().all(is_valid) {
            return None;
        }
        let max_h = specs.iter().map(|spec| sampling(spec).0).max()?;
        let max_v = specs.iter().map(|spec| sampling(spec).1).max()?;
        let mcus = (width.div_ceil(8 * max_h), height.div_ceil(8 * max_v));
        let component = |spec: &[u8; 3]| {
            let ((h, v), [id, _, _]) = (sampling(spec), *spec);
            Component {
                id,
                sampling: (h, v),
                blocks: ((width * h).div_ceil(8 * max_h), (height * v).div_ceil(8 * max_v)),
                padded: (mcus.0 * h, mcus.1 * v),
                nonzero: Vec::new(),
                decoded: false,
            }
        };
        Some(Frame { width, height, progressive, components: specs.iter().map(component).collect() })
    }

    /// Reports whether every component has been in a scan.
    pub fn is_complete(&self) -> bool {
        self.components.iter().all(|component| component.decoded)
    }
}

impl Component {
    /// Nonzero coefficients of a block, by its number in a scan of this component alone.
    pub fn nonzero_of(&mut self, block: u32) -> Option<&mut u64> {
        let (across, padded) = (self.blocks.0, self.padded);
        if self.nonzero.is_empty() {
            self.nonzero = vec![0; (padded.0 * padded.1) as usize];
        }
        self.nonzero.get_mut((block / across * padded.0 + block % across) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 17×9 with three components, the first sampled 2×2.
    const SEGMENT: [u8; 15] = [8, 0, 9, 0, 17, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];

    #[test]
    fn subsampled_components_have_fewer_blocks() {
        let frame = Frame::read(false, &SEGMENT).unwrap();
        assert_eq!((frame.width, frame.height, frame.is_complete()), (17, 9, false));
        let blocks = |c: &Component| (c.blocks, c.padded);
        assert_eq!(
            frame.components.iter().map(blocks).collect::<Vec<_>>(),
            [((3, 2), (4, 2)), ((2, 1), (2, 1)), ((2, 1), (2, 1))]
        );
    }

    #[test]
    fn malformed_headers_are_refused() {
        let with = |at: usize, value: u8| {
            let mut segment = SEGMENT;
            segment[at] = value;
            Frame::read(false, &segment)
        };
        // 12 bits, no rows, no columns, two or five components, sampling factors 0 and 5, quantization table 4.
        for (at, value) in [(0, 12), (2, 0), (4, 0), (5, 2), (5, 5), (7, 0x02), (7, 0x15), (8, 4)] {
            assert!(with(at, value).is_none(), "byte {at}: {value}");
        }
        assert!((0..SEGMENT.len()).all(|length| Frame::read(true, &SEGMENT[..length]).is_none()));
        assert!(Frame::read(true, &[&SEGMENT[..], &[0]].concat()).is_none());
    }
}

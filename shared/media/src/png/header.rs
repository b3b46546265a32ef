//! `IHDR` (§11.2.1) and the layout of the image data that follows from it.

/// Width and height in pixels, unchecked; None unless `IHDR` has its 13 bytes.
pub(super) fn dimensions(ihdr: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, w2, w3, h0, h1, h2, h3, _, _, _, _, _] = *ihdr else { return None };
    Some((u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3])))
}

/// Content of `IHDR`.
pub(super) struct Header {
    /// In pixels, unchecked.
    pub width: u32,
    /// In pixels, unchecked.
    pub height: u32,
    pub colour_type: ColourType,
    bits_per_pixel: u32,
    interlaced: bool,
}

/// Colour types (table 11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColourType {
    Greyscale,
    Truecolour,
    Indexed,
    GreyscaleAlpha,
    TruecolourAlpha,
}

impl Header {
    /// None unless colour type, depth, compression, filter and interlace methods are those of the standard.
    pub fn read(ihdr: &[u8]) -> Option<Header> {
        let (width, height) = dimensions(ihdr)?;
        let &[.., depth, colour, 0, 0, interlace @ (0 | 1)] = ihdr else { return None };
        let (colour_type, channels) = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => (ColourType::Greyscale, 1),
            (2, 8 | 16) => (ColourType::Truecolour, 3),
            (3, 1 | 2 | 4 | 8) => (ColourType::Indexed, 1),
            (4, 8 | 16) => (ColourType::GreyscaleAlpha, 2),
            (6, 8 | 16) => (ColourType::TruecolourAlpha, 4),
            _ => return None,
        };
        let bits_per_pixel = channels * u32::from(depth);
        Some(Header { width, height, colour_type, bits_per_pixel, interlaced: interlace == 1 })
    }

    /// Passes of the image data: number of rows, and bytes of each row with its filter byte. Adam7 (§8.1) has up to
    /// seven.
    pub fn passes(&self) -> Vec<(u64, u64)> {
        // First column and row, and steps to the next ones.
        const WHOLE: [(u32, u32, u32, u32); 1] = [(0, 0, 1, 1)];
        const ADAM7: [(u32, u32, u32, u32); 7] =
            [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        let passes: &[_] = if self.interlaced { &ADAM7 } else { &WHOLE };
        let size = |&(x, y, dx, dy): &(u32, u32, u32, u32)| {
            let columns = u64::from(self.width.saturating_sub(x).div_ceil(dx));
            let rows = u64::from(self.height.saturating_sub(y).div_ceil(dy));
            (rows, 1 + (columns * u64::from(self.bits_per_pixel)).div_ceil(8))
        };
        passes.iter().map(size).filter(|&(rows, bytes)| rows > 0 && bytes > 1).collect()
    }

    /// Reports whether lengths of `PLTE` and `tRNS` in bytes, 0 where absent, fit the colour type (§11.2.2, §11.3.1).
    pub fn fits_palette(&self, palette: usize, transparency: usize) -> bool {
        let entries = palette / 3;
        match self.colour_type {
            ColourType::Greyscale => palette == 0 && matches!(transparency, 0 | 2),
            ColourType::Truecolour => palette.is_multiple_of(3) && entries <= 256 && matches!(transparency, 0 | 6),
            ColourType::Indexed => palette.is_multiple_of(3) && (1..=256).contains(&entries) && transparency <= entries,
            ColourType::GreyscaleAlpha | ColourType::TruecolourAlpha => transparency == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20×10.
    fn header(depth: u8, colour: u8, interlace: u8) -> Option<Header> {
        Header::read(&[0, 0, 0, 20, 0, 0, 0, 10, depth, colour, 0, 0, interlace])
    }

    #[test]
    fn only_depths_of_the_standard_are_accepted() {
        let of = |colour| (0..=255).filter(|depth| header(*depth, colour, 0).is_some()).collect::<Vec<u8>>();
        assert_eq!(of(0), [1, 2, 4, 8, 16]);
        assert_eq!(of(3), [1, 2, 4, 8]);
        for colour in [2, 4, 6] {
            assert_eq!(of(colour), [8, 16]);
        }
        assert!([1, 5, 7, 255].iter().all(|colour| of(*colour).is_empty()));
        assert!(header(8, 0, 2).is_none() && Header::read(&[1; 14]).is_none() && Header::read(&[]).is_none());
    }

    #[test]
    fn passes_cover_every_pixel_once() {
        let passes = |depth, colour, interlace| header(depth, colour, interlace).unwrap().passes();
        assert_eq!(passes(8, 2, 0), [(10, 61)]);
        assert_eq!(passes(1, 0, 0), [(10, 4)]);
        let adam7 = passes(8, 0, 1);
        assert_eq!(adam7, [(2, 4), (2, 3), (1, 6), (3, 6), (2, 11), (5, 11), (5, 21)]);
        assert_eq!(adam7.iter().map(|(rows, bytes)| rows * (bytes - 1)).sum::<u64>(), 200);
    }

    #[test]
    fn palettes_must_fit_the_colour_type() {
        let fits = |colour, palette, transparency| header(8, colour, 0).unwrap().fits_palette(palette, transparency);
        assert!(fits(3, 3, 0) && fits(3, 768, 256) && fits(0, 0, 2) && fits(2, 768, 6) && fits(6, 300, 0));
        assert!(!fits(3, 0, 0) && !fits(3, 4, 0) && !fits(3, 771, 0) && !fits(3, 6, 3));
        assert!(!fits(0, 3, 0) && !fits(0, 0, 1) && !fits(2, 771, 0) && !fits(2, 0, 5) && !fits(4, 0, 2));
    }
}

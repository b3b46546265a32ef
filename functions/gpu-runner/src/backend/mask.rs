//! What of a picture is drawn anew: for each pixel between nothing (0) and all (255).

use super::Rgb;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    /// width × height, from the top left.
    bytes: Vec<u8>,
}

impl Mask {
    /// The brightness of a picture's pixels (ITU-R 601).
    pub fn of(picture: &Rgb) -> Self {
        let bright = |pixel: &[u8]| {
            let weighed = pixel.iter().zip([19_595, 38_470, 7_471]).map(|(value, weight)| u32::from(*value) * weight);
            ((weighed.sum::<u32>() + 0x8000) >> 16) as u8
        };
        Self {
            width: picture.width,
            height: picture.height,
            bytes: picture.bytes.chunks_exact(3).map(bright).collect(),
        }
    }

    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Whether it has this size.
    pub fn is(&self, width: u32, height: u32) -> bool {
        (self.width, self.height) == (width, height) && self.bytes.len() == width as usize * height as usize
    }

    /// Whether each pixel is drawn anew: half and more counts as all.
    pub fn drawn(&self) -> impl Iterator<Item = bool> + '_ {
        self.bytes.iter().map(|byte| *byte >= 128)
    }

    /// `drawn` where the mask is white, `kept` where it is black, to the last bit; a mixture between.
    pub fn join(&self, kept: &Rgb, drawn: &Rgb) -> Rgb {
        let share = self.bytes.iter().flat_map(|share| [*share; 3]).map(u32::from);
        let mixed = share
            .zip(kept.bytes.iter().zip(&drawn.bytes))
            .map(|(share, (kept, drawn))| {
                ((u32::from(*drawn) * share + u32::from(*kept) * (255 - share) + 127) / 255) as u8
            })
            .collect();
        Rgb { width: drawn.width, height: drawn.height, bytes: mixed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bytes: &[u8]) -> Rgb {
        Rgb { width: bytes.len() as u32 / 3, height: 1, bytes: bytes.to_vec() }
    }

    #[test]
    fn black_keeps_white_draws_grey_mixes() {
        let mask = Mask::of(&row(&[0, 0, 0, 255, 255, 255, 127, 127, 127, 128, 128, 128, 255, 0, 0]));
        assert!(mask.is(5, 1) && !mask.is(1, 5));
        assert_eq!(mask.bytes, [0, 255, 127, 128, 76]);
        assert_eq!(mask.drawn().collect::<Vec<_>>(), [false, true, false, true, false]);
        let (kept, drawn) = (row(&[7; 15]), row(&[207; 15]));
        let joined = mask.join(&kept, &drawn).bytes;
        assert_eq!((joined[0], joined[3], joined[6], joined[9]), (7, 207, 107, 107));
    }
}

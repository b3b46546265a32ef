//! Which size a picture is learnt at.
//!
//! As NovelAI (2022) and kohya's scripts do: sizes of many shapes whose areas are at most that of the square asked for,
//! each picture at the one of the nearest shape, scaled to cover it and cut around its middle. A picture that would
//! have to grow for that is learnt at a size of its own, as large as it allows.

use crate::train::data::problem;
use crate::{Code, DrawError};

/// The area of more than any model draws.
const MAX_RESOLUTION: usize = 4_096;

#[derive(Clone, Debug)]
pub struct Buckets {
    area: usize,
    /// Of both sides.
    step: usize,
    longest: usize,
    full: Vec<(usize, usize)>,
}

impl Buckets {
    /// Areas are at most `resolution`², sides multiples of `step` from a half to twice `resolution`.
    pub fn new(resolution: usize, step: usize) -> Result<Self, DrawError> {
        if step == 0 || !(step..=MAX_RESOLUTION).contains(&resolution) {
            let message = format!("a resolution of {resolution} in steps of {step}: it is {step} to {MAX_RESOLUTION}");
            return Err(DrawError::new(Code::RequestInvalid, message));
        }
        let area = resolution * resolution;
        let steps = |length: usize| length / step * step;
        let (shortest, longest) = (steps(resolution / 2).max(step), steps(2 * resolution));
        let widths = (shortest..=longest).step_by(step);
        let mut full: Vec<_> = widths
            .map(|width| (width, steps(area / width).min(longest)))
            .filter(|(_, height)| *height >= shortest)
            .flat_map(|(width, height)| [(width, height), (height, width)])
            .collect();
        full.sort_unstable();
        full.dedup();
        Ok(Self { area, step, longest, full })
    }

    /// Width and height for a picture of these; an error says what is wrong with it.
    pub fn of(&self, (width, height): (usize, usize)) -> Result<(usize, usize), DrawError> {
        if width.min(height) < self.step {
            let least = self.step;
            return Err(problem(format!("{width}x{height} pixels are too few, both sides must be {least} or more")));
        }
        // How many times longer one is than the other, of two widths at the same height.
        let off = |(w, h): (usize, usize)| {
            let ratio = (w * height) as f64 / (width * h) as f64;
            ratio.max(ratio.recip())
        };
        let order = |a: &(usize, usize), b: &(usize, usize)| {
            off(*a).total_cmp(&off(*b)).then((b.0 * b.1).cmp(&(a.0 * a.1))).then(b.cmp(a))
        };
        let nearest = self.full.iter().copied().min_by(order);
        if let Some((w, h)) = nearest.filter(|(w, h)| *w <= width && *h <= height) {
            return Ok((w, h));
        }
        let steps = |length: usize| length.min(self.longest) / self.step * self.step;
        let (short, long) = (width.min(height), width.max(height));
        let short = steps(short).min(steps(self.area.isqrt()));
        let long = steps(long).min(steps(self.area / short));
        Ok(if width <= height { (short, long) } else { (long, short) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_go_to_the_nearest_shape() {
        let buckets = Buckets::new(512, 64).unwrap();
        for (size, bucket) in [
            ((512, 512), (512, 512)),
            ((4000, 4000), (512, 512)),
            ((1920, 1080), (640, 384)),
            ((768, 1024), (448, 576)),
            ((10_000, 600), (1024, 256)),
            ((600, 10_000), (256, 1024)),
            // None of these grows.
            ((511, 511), (448, 448)),
            ((600, 400), (576, 384)),
            ((200, 130), (192, 128)),
            ((64, 64), (64, 64)),
            ((3000, 100), (1024, 64)),
        ] {
            assert_eq!(buckets.of(size).unwrap(), bucket, "{size:?}");
        }
        for size in [(1, 1), (63, 512), (4000, 1)] {
            assert_eq!(buckets.of(size).unwrap_err().code, Code::DatasetInvalid, "{size:?}");
        }
    }

    /// Whatever the picture: no side grows, none is longer than allowed, and the area is kept.
    #[test]
    fn sizes_keep_their_bounds() {
        for (resolution, step) in [(64, 8), (72, 8), (512, 64), (768, 64), (100, 64), (8, 8)] {
            let buckets = Buckets::new(resolution, step).unwrap();
            for i in 0..4_000 {
                let size = (step + i * 37 % 1500, step + i * 91 % 1300);
                let (w, h) = buckets.of(size).unwrap();
                assert!(w % step == 0 && h % step == 0 && w > 0 && h > 0, "{size:?} → {w}x{h}");
                assert!(w <= size.0 && h <= size.1 && w * h <= resolution * resolution, "{size:?} → {w}x{h}");
                assert!(w.max(h) <= 2 * resolution, "{size:?} → {w}x{h}");
            }
        }
    }

    #[test]
    fn sizes_of_nothing_are_refused() {
        for (resolution, step) in [(0, 8), (512, 0), (32, 64), (5000, 8), (usize::MAX, 8)] {
            assert_eq!(Buckets::new(resolution, step).unwrap_err().code, Code::RequestInvalid);
        }
    }
}

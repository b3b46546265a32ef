//! Colour histograms in soft bins: greys by lightness, colours by hue and lightness. Must not know weights of blocks.

use super::angle::turn;
use super::foreground::smooth_step;
use super::grid::Grid;
use super::soft_bin::{SoftBin, add};

/// Chroma that counts as grey and as colour; between, a cell counts as both.
const CHROMA: (f32, f32) = (0.02, 0.07);

/// Numbers of bins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bins {
    /// Greys, by lightness.
    pub greys: usize,
    /// Hues of colours.
    pub hues: usize,
    /// Lightnesses of each hue.
    pub lightnesses: usize,
}

impl Bins {
    /// Bins of the whole image.
    pub const IMAGE: Self = Self { greys: 6, hues: 12, lightnesses: 3 };

    /// Bins of the foreground.
    pub const FOREGROUND: Self = Self { greys: 3, hues: 12, lightnesses: 1 };

    /// Number of all bins.
    pub const fn len(self) -> usize {
        self.greys + self.hues * self.lightnesses
    }
}

/// Histogram of colours, each cell with its weight: shares of the total weight.
pub(super) fn histogram(grid: &Grid, weights: impl Iterator<Item = f32>, bins: Bins) -> Vec<f32> {
    let mut histogram = vec![0.0; bins.len()];
    let mut total = 0.0;
    for (lab, weight) in grid.iter().zip(weights) {
        let (greys, colours) = histogram.split_at_mut(bins.greys);
        let colour = smooth_step(lab.chroma(), CHROMA);
        let hue = SoftBin::cyclic(turn(lab.b, lab.a), bins.hues);
        let lightness = SoftBin::clamped(lab.l, bins.lightnesses);
        add(greys, SoftBin::clamped(lab.l, bins.greys).pairs(), weight * (1.0 - colour));
        add(colours, hue.with(lightness, bins.lightnesses), weight * colour);
        total += weight;
    }
    if total > 0.0 {
        histogram.iter_mut().for_each(|share| *share /= total);
    }
    histogram
}

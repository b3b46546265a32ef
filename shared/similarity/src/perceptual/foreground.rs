//! Foreground: what differs from the border of its own row. Finds a single object before a plain, graded or layered
//! background; of other images it is a rough map of contrast. Must not know features.

use super::grid::{Grid, SIDE};
use super::oklab::Lab;

/// Cells of a row's border, on each side.
const BORDER: usize = 3;

/// Differences in Oklab that count nothing and in full.
const CONTRAST: (f32, f32) = (0.06, 0.18);

/// Mean deviation of the borders in Oklab up to which the foreground is sure, and from which it is none.
const UNREST: (f32, f32) = (0.03, 0.12);

/// Foreground of each cell, 0..=1, and the confidence in it, 0..=1: 1 with calm borders, 0 where texture reaches them.
pub(super) fn foreground(grid: &Grid) -> (Vec<f32>, f32) {
    let mut unrest = 0.0;
    let of_row = |row: &[Lab]| -> Vec<f32> {
        let left = mean(row.iter().take(BORDER));
        let right = mean(row.iter().rev().take(BORDER));
        let deviations = row.iter().take(BORDER).map(|lab| lab.distance(left));
        let deviations = deviations.chain(row.iter().rev().take(BORDER).map(|lab| lab.distance(right)));
        unrest += deviations.sum::<f32>() / (2 * BORDER * SIDE) as f32;
        let cell = |(x, lab): (usize, &Lab)| {
            let background = left.lerp(right, (x as f32 + 0.5) / SIDE as f32);
            smooth_step(lab.distance(background), CONTRAST)
        };
        row.iter().enumerate().map(cell).collect()
    };
    let map = grid.chunks_exact(SIDE).flat_map(of_row).collect();
    (map, 1.0 - smooth_step(unrest, UNREST))
}

/// Mean of at most [`BORDER`] colours.
fn mean<'a>(colours: impl Iterator<Item = &'a Lab>) -> Lab {
    let sum = colours.fold(Lab::default(), |sum, lab| Lab { l: sum.l + lab.l, a: sum.a + lab.a, b: sum.b + lab.b });
    let count = BORDER as f32;
    Lab { l: sum.l / count, a: sum.a / count, b: sum.b / count }
}

/// Cubic step from 0 to 1 between two values.
pub(super) fn smooth_step(x: f32, (low, high): (f32, f32)) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

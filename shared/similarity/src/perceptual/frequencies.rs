//! Low frequencies of lightness and colour: DCT-II of 8 × 8 averages. Must not know weights of blocks.

use super::grid::{Grid, SIDE};
use super::oklab::Lab;

/// Averages a side.
const SMALL: usize = 8;

/// Numbers of the block: coefficients with u + v ≤ 5 of L, u + v ≤ 3 of a and b.
pub(super) const FREQUENCIES_LEN: usize = 21 + 10 + 10;

/// cos(kπ/16) for k = 0..=8.
const COSINES: [f32; 9] =
    [1.0, 0.980_785_25, 0.923_879_5, 0.831_469_6, 0.707_106_77, 0.555_570_2, 0.382_683_43, 0.195_090_32, 0.0];

/// Factor of colour: differences in a and b are smaller than in L.
const COLOUR: f32 = 2.0;

/// Coefficients of L (middle grey is 0), a and b; low frequencies count more.
pub(super) fn frequencies(grid: &Grid) -> Vec<f32> {
    let small = shrink(grid);
    let mut block = Vec::with_capacity(FREQUENCIES_LEN);
    coefficients(&small, 5, |lab| lab.l - 0.5, &mut block);
    coefficients(&small, 3, |lab| COLOUR * lab.a, &mut block);
    coefficients(&small, 3, |lab| COLOUR * lab.b, &mut block);
    block
}

/// Averages of 8 × 8 cells each.
fn shrink(grid: &Grid) -> Vec<Lab> {
    let step = SIDE / SMALL;
    let mut small = vec![Lab::default(); SMALL * SMALL];
    let share = 1.0 / (step * step) as f32;
    for (rows, small) in grid.chunks_exact(SIDE * step).zip(small.chunks_exact_mut(SMALL)) {
        for row in rows.chunks_exact(SIDE) {
            for (cells, mean) in row.chunks_exact(step).zip(small.iter_mut()) {
                for lab in cells {
                    mean.l += lab.l * share;
                    mean.a += lab.a * share;
                    mean.b += lab.b * share;
                }
            }
        }
    }
    small
}

/// Appends the DCT coefficients with u + v ≤ `last` of one channel.
fn coefficients(small: &[Lab], last: usize, channel: impl Fn(&Lab) -> f32, block: &mut Vec<f32>) {
    for u in 0..=last {
        for v in 0..=last - u {
            let mut sum = 0.0;
            for (y, row) in small.chunks_exact(SMALL).enumerate() {
                for (x, lab) in row.iter().enumerate() {
                    sum += channel(lab) * cosine((2 * x + 1) * u) * cosine((2 * y + 1) * v);
                }
            }
            let norm = |k: usize| if k == 0 { 0.125f32 } else { 0.25 };
            block.push(sum * (norm(u) * norm(v)).sqrt() / (1.0 + (u + v) as f32 * 0.25));
        }
    }
}

/// cos(kπ/16) for any k.
fn cosine(k: usize) -> f32 {
    let k = k % 32;
    let (k, sign) = match k {
        0..=8 => (k, 1.0),
        9..=16 => (16 - k, -1.0),
        17..=24 => (k - 16, -1.0),
        _ => (32 - k, 1.0),
    };
    sign * COSINES.get(k).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_those_of_the_circle() {
        for k in 0..100 {
            assert!((cosine(k) - (k as f32 * std::f32::consts::PI / 16.0).cos()).abs() < 1e-5, "{k}");
        }
    }
}

//! Gradients of a map of 64 × 64 numbers, and histograms of their directions. Must not know what the numbers mean.

use super::angle::turn;
use super::grid::SIDE;
use super::soft_bin::{SoftBin, add};

/// Gradient of one cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gradient {
    /// Column of the cell.
    pub x: usize,
    /// Row of the cell.
    pub y: usize,
    /// Length: difference a cell.
    pub magnitude: f32,
    /// Direction as a share of a full turn.
    pub turn: f32,
}

/// Gradients longer than `threshold`, shortened by it: Sobel's operator, without the outermost cells.
pub(super) fn gradients(map: &[f32], threshold: f32) -> Vec<Gradient> {
    let rows: Vec<&[f32]> = map.chunks_exact(SIDE).collect();
    let mut gradients = Vec::new();
    for (y, rows) in rows.windows(3).enumerate() {
        let [above, row, below] = rows else { continue };
        let columns = above.windows(3).zip(row.windows(3)).zip(below.windows(3));
        for (x, ((above, row), below)) in columns.enumerate() {
            let ([a, b, c], [d, _, f], [g, h, i]) = (above, row, below) else { continue };
            let dx = ((c - a) + 2.0 * (f - d) + (i - g)) / 8.0;
            let dy = ((g - a) + 2.0 * (h - b) + (i - c)) / 8.0;
            let magnitude = (dx * dx + dy * dy).sqrt() - threshold;
            if magnitude > 0.0 {
                gradients.push(Gradient { x: x + 1, y: y + 1, magnitude, turn: turn(dy, dx) });
            }
        }
    }
    gradients
}

/// Histogram of edges of the whole image over `bins` directions, light and dark sides alike: magnitudes / [`SIDE`].
pub(super) fn global_edges(gradients: &[Gradient], bins: usize) -> Vec<f32> {
    let mut histogram = vec![0.0; bins];
    for gradient in gradients {
        add(&mut histogram, undirected(gradient, bins).pairs(), gradient.magnitude / SIDE as f32);
    }
    histogram
}

/// Histograms of edges at `places` × `places` places over `bins` directions, light and dark sides alike.
pub(super) fn local_edges(gradients: &[Gradient], places: usize, bins: usize) -> Vec<f32> {
    let mut histogram = vec![0.0; places * places * bins];
    for gradient in gradients {
        let at = |cell: usize| SoftBin::clamped((cell as f32 + 0.5) / SIDE as f32, places);
        let direction = undirected(gradient, bins);
        for (place, share) in at(gradient.y).with(at(gradient.x), places) {
            let bins = direction.pairs().map(|(bin, share)| (place * bins + bin, share));
            add(&mut histogram, bins, share * gradient.magnitude / SIDE as f32);
        }
    }
    histogram
}

/// Bins of a direction modulo half a turn.
fn undirected(gradient: &Gradient, bins: usize) -> SoftBin {
    let doubled = gradient.turn * 2.0;
    SoftBin::cyclic(if doubled >= 1.0 { doubled - 1.0 } else { doubled }, bins)
}

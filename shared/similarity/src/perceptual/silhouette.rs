//! Silhouette: the shape of the foreground in a frame of its own, so that place and size do not matter. Must not know
//! colours.

use super::gradient::gradients;
use super::grid::SIDE;
use super::soft_bin::{SoftBin, add};

/// Places a side for outlines.
const OUTLINE_PLACES: usize = 3;

/// Directions of outlines, signed: from background to foreground.
const DIRECTIONS: usize = 8;

/// Places a side for occupancy.
const AREA_PLACES: usize = 4;

/// Numbers of the outline.
pub(super) const OUTLINE_LEN: usize = OUTLINE_PLACES * OUTLINE_PLACES * DIRECTIONS;

/// Numbers of the occupancy.
pub(super) const AREA_LEN: usize = AREA_PLACES * AREA_PLACES;

/// Half the side of the frame, in standard deviations of the foreground.
const REACH: f32 = 2.2;

/// Least share of the image that is a foreground.
const MIN_SHARE: f32 = 0.004;

/// Gradients of the foreground below this are ignored.
const THRESHOLD: f32 = 0.05;

/// Square around the foreground: centre and half side in cells.
struct Frame {
    x: f32,
    y: f32,
    half: f32,
}

impl Frame {
    /// Frame from the first and second moments; None without a foreground.
    fn of(foreground: &[f32]) -> Option<Self> {
        let (mut sum, mut sum_x, mut sum_y, mut squares) = (0f64, 0f64, 0f64, 0f64);
        for (y, row) in foreground.chunks_exact(SIDE).enumerate() {
            for (x, weight) in row.iter().enumerate() {
                let (x, y, weight) = (x as f64, y as f64, f64::from(*weight));
                sum += weight;
                sum_x += weight * x;
                sum_y += weight * y;
                squares += weight * (x * x + y * y);
            }
        }
        if sum < f64::from(MIN_SHARE) * (SIDE * SIDE) as f64 {
            return None;
        }
        let (x, y) = (sum_x / sum, sum_y / sum);
        // Mean of the variances in x and y; at least a third of a cell.
        let variance = ((squares / sum - x * x - y * y) / 2.0).max(0.1);
        Some(Self { x: x as f32, y: y as f32, half: REACH * variance.sqrt() as f32 })
    }

    /// Place of a cell in the frame: 0..=1 inside.
    fn place(&self, x: usize, y: usize) -> (f32, f32) {
        let at = |cell: usize, centre: f32| (cell as f32 - centre) / (2.0 * self.half) + 0.5;
        (at(x, self.x), at(y, self.y))
    }
}

/// Outline ([`OUTLINE_LEN`] numbers: length at each place and direction, a side of the frame is 1) and occupancy
/// ([`AREA_LEN`] numbers: covered share of each place). Zeros without a foreground.
pub(super) fn silhouette(foreground: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut outline, mut area) = (vec![0.0; OUTLINE_LEN], vec![0.0; AREA_LEN]);
    let Some(frame) = Frame::of(foreground) else { return (outline, area) };
    for gradient in gradients(foreground, THRESHOLD) {
        let (x, y) = frame.place(gradient.x, gradient.y);
        let places = SoftBin::inside(y, OUTLINE_PLACES).with(SoftBin::inside(x, OUTLINE_PLACES), OUTLINE_PLACES);
        let direction = SoftBin::cyclic(gradient.turn, DIRECTIONS);
        for (place, share) in places {
            let bins = direction.pairs().map(|(bin, share)| (place * DIRECTIONS + bin, share));
            add(&mut outline, bins, share * gradient.magnitude / (2.0 * frame.half));
        }
    }
    let cell_side = AREA_PLACES as f32 / (2.0 * frame.half);
    for (y, row) in foreground.chunks_exact(SIDE).enumerate() {
        for (x, weight) in row.iter().enumerate() {
            let (x, y) = frame.place(x, y);
            let places = SoftBin::inside(y, AREA_PLACES).with(SoftBin::inside(x, AREA_PLACES), AREA_PLACES);
            add(&mut area, places, weight * cell_side * cell_side);
        }
    }
    (outline, area)
}

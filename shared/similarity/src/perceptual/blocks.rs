//! Blocks of the embedding: their lengths, weights and order. Must not know pixels.

use super::DIM;
use super::foreground::foreground;
use super::frequencies::{FREQUENCIES_LEN, frequencies};
use super::gradient::{global_edges, gradients, local_edges};
use super::grid::Grid;
use super::histogram::{Bins, histogram};
use super::silhouette::{AREA_LEN, OUTLINE_LEN, silhouette};
use crate::{Error, vector};

/// Places a side and directions of the edge histogram.
const EDGES: (usize, usize) = (4, 4);

/// Directions of the edges of the whole image.
const GLOBAL_DIRECTIONS: usize = 6;

/// Gradients of lightness below this are noise.
const EDGE_THRESHOLD: f32 = 0.02;

/// Weights of the blocks, in order; their sum is 1.
const WEIGHTS: [f32; 7] = [0.10, 0.06, 0.20, 0.04, 0.04, 0.38, 0.18];

/// Length below which a block fades, in its own units: such content is noise.
const FLOORS: [f32; 7] = [0.10, 0.0, 0.0, 0.25, 0.25, 0.25, 0.25];

/// Numbers of the blocks, in order.
const LENGTHS: [usize; 7] = [
    FREQUENCIES_LEN,
    Bins::IMAGE.len(),
    Bins::FOREGROUND.len(),
    EDGES.0 * EDGES.0 * EDGES.1,
    GLOBAL_DIRECTIONS,
    OUTLINE_LEN,
    AREA_LEN,
];

const _: () = {
    let [a, b, c, d, e, f, g] = LENGTHS;
    assert!(a + b + c + d + e + f + g == DIM);
};

/// The embedding of an image of cells.
pub(super) fn combine(grid: &Grid) -> Result<Vec<f32>, Error> {
    let lightness: Vec<f32> = grid.iter().map(|lab| lab.l).collect();
    let edges = gradients(&lightness, EDGE_THRESHOLD);
    let (foreground, confidence) = foreground(grid);
    let (outline, area) = silhouette(&foreground);
    let confidences = [1.0, 1.0, 1.0, 1.0, 1.0, confidence, confidence];
    let blocks = [
        frequencies(grid),
        roots(histogram(grid, std::iter::repeat(1.0), Bins::IMAGE)),
        roots(histogram(grid, foreground.iter().copied(), Bins::FOREGROUND)),
        roots(local_edges(&edges, EDGES.0, EDGES.1)),
        roots(global_edges(&edges, GLOBAL_DIRECTIONS)),
        outline,
        area,
    ];
    let mut embedding = Vec::with_capacity(DIM);
    for (((block, weight), floor), confidence) in blocks.iter().zip(WEIGHTS).zip(FLOORS).zip(confidences) {
        let squares: f32 = block.iter().map(|x| x * x).sum();
        let length = (squares + floor * floor).sqrt();
        let scale = if length > 0.0 { confidence * weight.sqrt() / length } else { 0.0 };
        embedding.extend(block.iter().map(|x| x * scale));
    }
    vector::normalize(&mut embedding)?;
    Ok(embedding)
}

/// Square roots: the dot product of histograms becomes Bhattacharyya's coefficient.
fn roots(mut histogram: Vec<f32>) -> Vec<f32> {
    histogram.iter_mut().for_each(|share| *share = share.sqrt());
    histogram
}

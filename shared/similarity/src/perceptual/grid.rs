//! Averaging of rows of pixels to 64 × 64 cells, in linear light. Must not know features.

use super::blocks;
use super::oklab::{Lab, linear_levels, oklab};
use crate::Error;

/// Cells a side of the grid.
pub(super) const SIDE: usize = 64;

/// Largest width and height in pixels.
pub const MAX_SIDE: u32 = 1 << 20;

/// Image of [`SIDE`] × [`SIDE`] cells, row by row.
pub(super) type Grid = [Lab];

/// Builder of an embedding from rows of pixels, top to bottom, one at a time: no image is held. Memory is 50 KiB.
#[derive(Clone, Debug)]
pub struct Rows {
    width: u64,
    height: u64,
    channels: usize,
    /// Rows pushed so far.
    count: u64,
    /// Linear light of each 8-bit level.
    levels: Vec<f32>,
    /// Sums of linear RGB over cells; a pixel's weight is the covered area in units of 1 / [`SIDE`]².
    sums: Vec<[f32; 3]>,
}

impl Rows {
    /// Builder for an image of `width` × `height` pixels of `channels` bytes; see [`embed`](super::embed).
    ///
    /// # Errors
    /// [`Error::Pixels`] unless the sides are 1..=[`MAX_SIDE`] and the channels 1..=4.
    pub fn new(width: u32, height: u32, channels: u8) -> Result<Self, Error> {
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) || !(1..=4).contains(&channels) {
            return Err(Error::Pixels);
        }
        Ok(Self {
            width: width.into(),
            height: height.into(),
            channels: channels.into(),
            count: 0,
            levels: linear_levels(),
            sums: vec![[0.0; 3]; SIDE * SIDE],
        })
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.width as usize * self.channels
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a row of another length, or after the last one.
    pub fn push(&mut self, row: &[u8]) -> Result<(), Error> {
        if row.len() != self.row_bytes() || self.count == self.height {
            return Err(Error::Pixels);
        }
        let line = self.line(row);
        for (cell, sums) in (0u64..).zip(self.sums.chunks_exact_mut(SIDE)) {
            let weight = overlap(self.count, cell, self.height) as f32;
            if weight > 0.0 {
                for (sum, rgb) in sums.iter_mut().zip(&line) {
                    for (sum, x) in sum.iter_mut().zip(rgb) {
                        *sum += weight * x;
                    }
                }
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Embedding of the image: [`DIM`](super::DIM) numbers, unit length.
    ///
    /// # Errors
    /// [`Error::Pixels`] when rows are missing.
    pub fn finish(self) -> Result<Vec<f32>, Error> {
        if self.count != self.height {
            return Err(Error::Pixels);
        }
        let grid: Vec<Lab> = self.sums.iter().map(|sum| oklab(sum.map(|x| x / self.height as f32))).collect();
        blocks::combine(&grid)
    }

    /// Averages a row of pixels to [`SIDE`] cells of linear RGB.
    fn line(&self, row: &[u8]) -> [[f32; 3]; SIDE] {
        let mut line = [[0.0; 3]; SIDE];
        for (cell, rgb) in (0u64..).zip(&mut line) {
            let first = cell * self.width / SIDE as u64;
            let pixels = row.chunks_exact(self.channels).skip(first as usize);
            for (x, pixel) in (first..).zip(pixels) {
                let weight = overlap(x, cell, self.width) as f32;
                if weight == 0.0 {
                    break;
                }
                for (sum, level) in rgb.iter_mut().zip(rgb_of(pixel)) {
                    *sum += weight * self.levels.get(usize::from(level)).copied().unwrap_or_default();
                }
            }
            *rgb = rgb.map(|sum| sum / self.width as f32);
        }
        line
    }
}

/// Overlap of pixel `x` and `cell`, where a row of `length` pixels lies over [`SIDE`] cells: a pixel is [`SIDE`] units
/// long, a cell `length` units.
fn overlap(x: u64, cell: u64, length: u64) -> u64 {
    let side = SIDE as u64;
    let end = ((x + 1) * side).min((cell + 1) * length);
    end.saturating_sub((x * side).max(cell * length))
}

/// 8-bit RGB of a pixel of 1..=4 bytes, over white.
fn rgb_of(pixel: &[u8]) -> [u8; 3] {
    let over_white = |x: u8, alpha: u8| {
        let (x, alpha) = (u32::from(x), u32::from(alpha));
        ((x * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    match *pixel {
        [grey] => [grey; 3],
        [grey, alpha] => [over_white(grey, alpha); 3],
        [r, g, b] => [r, g, b],
        [r, g, b, alpha] => [r, g, b].map(|x| over_white(x, alpha)),
        _ => [255; 3],
    }
}

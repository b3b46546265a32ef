//! Vectors of i8 with one scale: a quarter of the memory of f32. Must not know the index.
//!
//! Layout: scale as little-endian f32, then one i8 a number; number i is `scale × q[i]`, with |q| ≤ 127.

use super::{LANES, check, sum_lanes};
use crate::{Error, MAX_DIM};

/// Largest magnitude of a quantised number.
const LEVELS: f32 = 127.0;

/// Bytes before the numbers.
const HEADER: usize = 4;

/// Quantises a vector to `4 + dim` bytes: symmetric, one scale a vector, rounded to the nearest.
///
/// The error of each number is at most half the scale, and the scale is the largest magnitude / 127.
///
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`].
pub fn quantize(vector: &[f32]) -> Result<Vec<u8>, Error> {
    check(vector)?;
    let largest = vector.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let scale = largest / LEVELS;
    let mut bytes = Vec::with_capacity(HEADER + vector.len());
    bytes.extend(scale.to_le_bytes());
    // A subnormal scale would overflow the quotient; such a vector is zero for every purpose.
    let inverse = if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
    bytes.extend(vector.iter().map(|x| ((x * inverse).round() as i8).cast_unsigned()));
    Ok(bytes)
}

/// View of a quantised vector in stored bytes.
#[derive(Clone, Copy, Debug)]
pub struct Quantized<'a> {
    scale: f32,
    numbers: &'a [u8],
}

impl<'a> Quantized<'a> {
    /// Reads the bytes that [`quantize`] made, without copying.
    ///
    /// # Errors
    /// [`Error::Corrupt`] without a scale; [`Error::Dimension`], [`Error::NotFinite`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let (scale, numbers) = bytes.split_first_chunk::<HEADER>().ok_or(Error::Corrupt)?;
        let scale = f32::from_le_bytes(*scale);
        if numbers.is_empty() || numbers.len() > MAX_DIM {
            return Err(Error::Dimension { found: numbers.len(), expected: 0 });
        }
        if scale.is_finite() { Ok(Self { scale, numbers }) } else { Err(Error::NotFinite) }
    }

    /// Dimension of the vector.
    pub fn dim(&self) -> usize {
        self.numbers.len()
    }

    /// Dot product with a vector of f32, over the shorter length; the order of additions is fixed.
    pub fn dot(&self, query: &[f32]) -> f32 {
        let length = self.numbers.len().min(query.len());
        let numbers = self.numbers.get(..length).unwrap_or_default();
        let query = query.get(..length).unwrap_or_default();
        let ((numbers, numbers_rest), (query, query_rest)) = (numbers.as_chunks::<LANES>(), query.as_chunks::<LANES>());
        let mut lanes = [0f32; LANES];
        for (numbers, query) in numbers.iter().zip(query) {
            for ((lane, x), y) in lanes.iter_mut().zip(numbers).zip(query) {
                *lane += number(*x) * y;
            }
        }
        let rest: f32 = numbers_rest.iter().zip(query_rest).map(|(x, y)| number(*x) * y).sum();
        self.scale * (sum_lanes(lanes) + rest)
    }

    /// Restores the vector of f32.
    pub fn to_vec(&self) -> Vec<f32> {
        self.numbers.iter().map(|x| self.scale * number(*x)).collect()
    }
}

/// Value of a stored i8.
fn number(byte: u8) -> f32 {
    f32::from(byte.cast_signed())
}

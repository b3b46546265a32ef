//! Vectors of f32: checks, dot product, unit length, bytes. Must not know where vectors come from.

mod quantized;

pub use quantized::{Quantized, quantize};

use crate::{Error, MAX_DIM};

/// Independent partial sums of [`dot`]; compilers turn them into SIMD lanes.
const LANES: usize = 8;

/// Smallest length that [`normalize`] accepts.
const MIN_LENGTH: f32 = 1e-6;

/// Checks that a vector has 1..=[`MAX_DIM`] finite numbers.
///
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`].
pub fn check(vector: &[f32]) -> Result<(), Error> {
    if vector.is_empty() || vector.len() > MAX_DIM {
        return Err(Error::Dimension { found: vector.len(), expected: 0 });
    }
    if vector.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(Error::NotFinite) }
}

/// Checks a vector as [`check`] does, and that it has `dim` numbers.
///
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`].
pub fn check_dim(vector: &[f32], dim: usize) -> Result<(), Error> {
    if vector.len() != dim {
        return Err(Error::Dimension { found: vector.len(), expected: dim });
    }
    check(vector)
}

/// Dot product over the shorter length. The order of additions is fixed, so the result is the same on every platform.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, b) = (a.get(..length).unwrap_or_default(), b.get(..length).unwrap_or_default());
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((lane, x), y) in lanes.iter_mut().zip(a).zip(b) {
            *lane += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sum_lanes(lanes) + rest
}

/// Sum of the lanes, pairwise.
fn sum_lanes([a, b, c, d, e, f, g, h]: [f32; LANES]) -> f32 {
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// Scales a vector to unit length (L2).
///
/// # Errors
/// [`Error::NotFinite`]; [`Error::NoDirection`] for a length below 1e-6.
pub fn normalize(vector: &mut [f32]) -> Result<(), Error> {
    let squares: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let length = squares.sqrt();
    if !length.is_finite() {
        return Err(Error::NotFinite);
    }
    if length < f64::from(MIN_LENGTH) {
        return Err(Error::NoDirection);
    }
    for x in vector {
        *x = (f64::from(*x) / length) as f32;
    }
    Ok(())
}

/// Little-endian bytes of a vector, four a number: the form that is sent and stored in base64.
pub fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Reads little-endian bytes as a vector.
///
/// # Errors
/// [`Error::Corrupt`] when the length is no multiple of four; [`Error::Dimension`], [`Error::NotFinite`].
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let (numbers, []) = bytes.as_chunks::<4>() else { return Err(Error::Corrupt) };
    let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    check(&vector)?;
    Ok(vector)
}

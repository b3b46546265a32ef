//! The product that all kernels are made of: a tile of the result stays in registers while one column of the left and
//! one row of the right side after the other are multiplied into it (Goto and van de Geijn 2008).

use pulp::{Simd, WithSimd};

/// Rows of a tile where the machine has registers for them; what is packed comes in groups of as many.
pub const GROUP: usize = 8;

/// Work that goes by tiles of `C` rows, 4 or 8.
pub trait Tiled {
    type Output;

    fn run<S: Simd, const C: usize>(self, simd: S) -> Self::Output;
}

/// The same by as many rows as this machine has registers for: together with three vectors across, as many
/// accumulators.
pub struct InTiles<T>(pub T);

impl<T: Tiled> WithSimd for InTiles<T> {
    type Output = T::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> T::Output {
        if rows::<S>() == GROUP { self.0.run::<S, GROUP>(simd) } else { self.0.run::<S, { GROUP / 2 }>(simd) }
    }
}

/// Rows of a tile on this machine.
pub const fn rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { GROUP } else { GROUP / 2 }
}

/// A result of `C` rows by `V` vectors.
pub type Tile<S, const C: usize, const V: usize> = [[<S as Simd>::f32s; V]; C];

/// Puts a tile in memory, row after row.
///
/// Whoever goes through the rows of a tile a number of times that is not constant has it in memory all the time.
#[inline(always)]
pub fn store<S: Simd, const C: usize, const V: usize>(tile: &Tile<S, C, V>, out: &mut [f32]) {
    let out = &mut S::as_mut_simd_f32s(&mut out[..C * V * S::F32_LANES]).0[..C * V];
    for c in 0..C {
        for v in 0..V {
            out[c * V + v] = tile[c][v];
        }
    }
}

/// Adds left (C) times right (V vectors).
#[inline(always)]
pub fn add_product<S: Simd, const C: usize, const V: usize>(
    simd: S,
    tile: &mut Tile<S, C, V>,
    left: &[f32],
    right: &[f32],
) {
    let left = &left[..C];
    let right = &S::as_simd_f32s(&right[..V * S::F32_LANES]).0[..V];
    for c in 0..C {
        let left = simd.splat_f32s(left[c]);
        for v in 0..V {
            tile[c][v] = simd.mul_add_e_f32s(left, right[v], tile[c][v]);
        }
    }
}

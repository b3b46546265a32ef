//! Hamming distances of codes: 128-bit SIMD in WASM where the build has `simd128`, 64-bit words otherwise.
//! Must not know ids.

use crate::codes::Code;

/// Distance of two codes, 0..=512.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
pub(crate) fn distance(a: &Code, b: &Code) -> u32 {
    a.0.iter().zip(&b.0).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// Distance of two codes, 0..=512: bits are counted in bytes, of which four vectors together hold at most 32.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(always)]
pub(crate) fn distance(a: &Code, b: &Code) -> u32 {
    use core::arch::wasm32::*;
    let count = |a0, a1, b0, b1| i8x16_popcnt(v128_xor(u64x2(a0, a1), u64x2(b0, b1)));
    let ([a0, a1, a2, a3, a4, a5, a6, a7], [b0, b1, b2, b3, b4, b5, b6, b7]) = (a.0, b.0);
    let low = i8x16_add(count(a0, a1, b0, b1), count(a2, a3, b2, b3));
    let high = i8x16_add(count(a4, a5, b4, b5), count(a6, a7, b6, b7));
    let pairs = u16x8_extadd_pairwise_u8x16(i8x16_add(low, high));
    let quads = u32x4_extadd_pairwise_u16x8(pairs);
    let halves = i32x4_add(quads, i32x4_shuffle::<2, 3, 0, 1>(quads, quads));
    u32x4_extract_lane::<0>(halves) + u32x4_extract_lane::<1>(halves)
}

/// Writes the distance of each code from `query`.
pub(super) fn distances(query: &Code, codes: &[Code], distances: &mut [u16]) {
    for (to, code) in distances.iter_mut().zip(codes) {
        *to = distance(query, code) as u16;
    }
}

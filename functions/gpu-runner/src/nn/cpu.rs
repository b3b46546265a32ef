//! Kernels for the CPU in single precision, and in `gradient` the way back through them. Each is safe code over vectors
//! of the width that the machine turns out to have (`pulp`: AVX-512, AVX2 with FMA, NEON, or none).
//!
//! Knows slices, not layers: the layers ask `serves` first, and have a way of candle's operations beside it.

pub mod activation;
pub mod attention;
pub mod conv;
pub mod gradient;
pub mod linear;
pub mod norm;
mod small;
mod tile;
mod vector;

pub use vector::Affine;

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor};

/// Does all of it on a thread of the pool: kernels that are called from another one each wait for a hand-over. What is
/// for a GPU stays where it is: cuDNN keeps its state by thread.
pub fn within_pool<T: Send>(device: &Device, work: impl FnOnce() -> T + Send) -> T {
    if device.is_cpu() { rayon::scope(|_| work()) } else { work() }
}

/// Whether these are single precision numbers in memory.
pub fn serves<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> bool {
    tensors.into_iter().all(|t| t.device().is_cpu() && t.dtype() == DType::F32)
}

/// The numbers of a contiguous tensor that `serves` accepts.
pub fn values(tensor: &Tensor) -> Result<impl Deref<Target = [f32]>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("numbers that do not lie in a row")
    };
    match &*storage {
        Storage::Cpu(CpuStorage::F32(all)) if all.len() >= end => {}
        _ => candle_core::bail!("not single precision in memory"),
    }
    Ok(Values { storage, range: start..end })
}

struct Values<G> {
    storage: G,
    range: Range<usize>,
}

impl<G: Deref<Target = Storage>> Deref for Values<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(all)) => &all[self.range.clone()],
            _ => &[],
        }
    }
}

//! What models and pictures take, told before any of it is allocated: a process that runs out of memory ends the whole
//! runner and not one task.

use std::path::Path;

use candle_core::DType;

use super::Model;
use super::directory::Directory;
use super::eyes::Eyes;
use super::parts::Parts;
use super::precision;
use crate::DrawError;
use crate::backend::DrawJob;
use crate::checkpoint::Checkpoint;

/// What sees pictures stays in single precision.
const SINGLE: u64 = 4;
/// Pictures of full size and width that the autoencoder has at hand at once: before and after a convolution, what is
/// added to it, and the convolution's own.
const AT_ONCE: u64 = 5;
/// Pixels that a convolution's result is made from.
const KERNEL: u64 = 9;

/// Bytes of a model's weights in this precision, by what its files say about themselves.
pub fn weights(path: &Path, dtype: DType) -> Result<u64, DrawError> {
    if path.is_dir() {
        let eyes = Eyes::numbers(path).saturating_mul(SINGLE);
        return Ok(all(&Directory::read(path)?, dtype)?.saturating_add(eyes));
    }
    all(&Checkpoint::open(path, None).map_err(|e| e.at(path.display()))?, dtype)
}

fn all(parts: &dyn Parts, dtype: DType) -> Result<u64, DrawError> {
    let mut texts = parts.family().texts().iter().map(|(part, _)| *part).chain(["unet", "vae"]);
    texts.try_fold(0u64, |sum, part| {
        let each = precision::of(part, dtype, parts)?.size_in_bytes() as u64;
        Ok(sum.saturating_add(parts.numbers(part)?.saturating_mul(each)))
    })
}

impl Model {
    /// Bytes that a job takes beside the weights, at its most: what it keeps of embeddings and hypernetworks, and
    /// either weights that are made anew under LoRAs, or a picture when it is decoded.
    pub fn takes(&self, job: &DrawJob) -> Result<u64, DrawError> {
        let (kept, anew) = self.adapting(job)?;
        Ok(self.picture(job.params.width, job.params.height).max(anew).saturating_add(kept))
    }

    fn picture(&self, width: u32, height: u32) -> u64 {
        let pixels = u64::from(width).saturating_mul(u64::from(height));
        // Norms are of single precision everywhere, and on the CPU all layers are.
        let pictures = AT_ONCE * SINGLE;
        // Without cuDNN a GPU lays out what each pixel's kernel sees.
        let laid_out = if self.on.device.is_cpu() || cfg!(feature = "cudnn") { 0 } else { KERNEL * self.vae_bytes };
        pixels.saturating_mul(self.widest as u64).saturating_mul(pictures + laid_out)
    }
}

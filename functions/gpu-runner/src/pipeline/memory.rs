//! What models and pictures take, told before any of it is allocated: a process that runs out of memory ends the whole
//! runner and not one task.

use std::path::Path;

use super::Model;
use super::directory::Directory;
use super::eyes::Eyes;
use super::parts::Parts;
use crate::DrawError;
use crate::checkpoint::Checkpoint;

/// Single precision, whatever the file has.
const NUMBER: u64 = 4;
/// Pictures of full size and width that the autoencoder has at hand at once: before and after a convolution, what is
/// added to it, and the convolution's own.
const AT_ONCE: u64 = 5;

/// Bytes of a model's weights, by what its files say about themselves.
pub fn weights(path: &Path) -> Result<u64, DrawError> {
    if path.is_dir() {
        let eyes = Eyes::numbers(path).saturating_mul(NUMBER);
        return Ok(all(&Directory::read(path)?)?.saturating_add(eyes));
    }
    all(&Checkpoint::open(path, None).map_err(|e| e.at(path.display()))?)
}

fn all(parts: &dyn Parts) -> Result<u64, DrawError> {
    let texts = parts.family().texts().iter().map(|(part, _)| *part);
    let numbers = texts
        .chain(["unet", "vae"])
        .try_fold(0u64, |sum, part| Ok::<_, DrawError>(sum.saturating_add(parts.numbers(part)?)))?;
    Ok(numbers.saturating_mul(NUMBER))
}

impl Model {
    /// Bytes that drawing a picture of this size takes beside the weights, at its most: when it is decoded.
    pub fn takes(&self, width: u32, height: u32) -> u64 {
        let pixels = u64::from(width).saturating_mul(u64::from(height));
        pixels.saturating_mul(self.widest as u64).saturating_mul(AT_ONCE * NUMBER)
    }
}

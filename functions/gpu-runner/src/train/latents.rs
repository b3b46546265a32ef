//! Examples as the autoencoder has them, kept in memory as far as there is room.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};

use crate::models::vae::Vae;
use crate::train::Example;
use crate::{Code, DrawError};

/// Means and logarithms of variances of latents, and captions, by the example's number. What finds no room is not kept:
/// examples come round one after the other, and the oldest would go just before it is wanted.
pub struct Encoded(Mutex<Kept>);

struct Kept {
    /// Bytes that are left.
    room: u64,
    examples: HashMap<usize, (Tensor, String)>,
}

impl Encoded {
    /// `room` in bytes.
    pub fn new(room: u64) -> Self {
        Self(Mutex::new(Kept { room, examples: HashMap::new() }))
    }

    /// Moments (1, 2 × channels, h, w) in memory, and the caption.
    pub fn get(
        &self,
        index: usize,
        vae: &Vae,
        example: impl FnOnce() -> Result<Example, DrawError>,
        device: &Device,
    ) -> Result<(Tensor, String), DrawError> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).examples.get(&index) {
            return Ok(known.clone());
        }
        let Example { pixels, width, height, caption } = example()?;
        if Some(pixels.len()) != width.checked_mul(height).and_then(|n| n.checked_mul(3)) {
            let message = format!("example {index} has {} numbers for {width}x{height}", pixels.len());
            return Err(DrawError::new(Code::InvalidImage, message));
        }
        let picture = Tensor::from_vec(pixels, (1, 3, height, width), &Device::Cpu)?.to_device(device)?;
        let moments = vae.moments(&picture)?.to_device(&Device::Cpu)?;
        let bytes = (4 * moments.elem_count() + caption.len()) as u64;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = kept.room.checked_sub(bytes) {
            kept.room = room;
            kept.examples.insert(index, (moments.clone(), caption.clone()));
        }
        Ok((moments, caption))
    }
}

//! Weights out of nothing: a source for `VarBuilder` that invents each tensor asked for and remembers it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::device::Compute;
use crate::noise::Noise;

/// Clones remember together.
#[derive(Clone)]
pub struct RandomWeights {
    seed: u64,
    made: Arc<Mutex<HashMap<String, Tensor>>>,
}

impl RandomWeights {
    pub fn new(seed: u64) -> Self {
        Self { seed, made: Arc::default() }
    }

    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, Device::Cpu)
    }

    /// The same numbers elsewhere, and of another precision.
    pub fn builder_on(&self, on: &Compute) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), on.dtype, on.device.clone())
    }

    /// All that was asked for so far.
    pub fn all(&self) -> HashMap<String, Tensor> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as one file.
    pub fn save(&self, path: &Path) -> Result<()> {
        candle_core::safetensors::save(&self.all(), path).with_context(|| path.display().to_string())
    }
}

impl SimpleBackend for RandomWeights {
    /// Constants as the layer wants them; biases 0; other weights normal, of a size that keeps the variance of what
    /// goes through. By name: the order of asking does not matter.
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let deviation = match init {
            Init::Const(value) => return self.keep(name, Tensor::full(value as f32, shape, device)?.to_dtype(dtype)?),
            Init::Randn { stdev, .. } => stdev,
            _ if shape.rank() == 1 => 0.0,
            _ => (shape.elem_count() as f64 / shape.dims()[0] as f64).sqrt().recip(),
        };
        // FNV-1a.
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let noise = Noise::new(self.seed ^ hash).tensor(shape.dims(), dtype, device)?;
        self.keep(name, (noise * deviation)?)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_string() })
    }

    /// Of names that come in variants, the usual one; of parts that may be missing, all.
    fn contains_tensor(&self, name: &str) -> bool {
        matches!(name, "text_model.final_layer_norm.weight" | "encoder.conv_in.weight")
    }
}

impl RandomWeights {
    fn keep(&self, name: &str, tensor: Tensor) -> candle_core::Result<Tensor> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), tensor.clone());
        Ok(tensor)
    }
}

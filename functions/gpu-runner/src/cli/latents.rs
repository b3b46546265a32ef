//! Latents in files: safetensors with one tensor, `latents`.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use candle_nn::var_builder::SimpleBackend;

use crate::backend::{Latents, Picture};
use crate::weights::Weights;

const NAME: &str = "latents";

pub fn read(path: &Path) -> Result<Latents> {
    let place = || path.display().to_string();
    let tensor = Weights::read(path)
        .map_err(|e| e.at(path.display()))?
        .get_unchecked(NAME, DType::F32, &Device::Cpu)
        .with_context(place)?;
    let (n, channels, h, w) = tensor.dims4().with_context(place)?;
    Ok(Latents { shape: [n, channels, h, w], values: tensor.flatten_all()?.to_vec1()? })
}

pub fn write(path: &Path, pictures: &[Picture]) -> Result<()> {
    let each = pictures
        .iter()
        .filter_map(|picture| picture.latents.as_ref())
        .map(|latents| Tensor::from_slice(&latents.values, &latents.shape, &Device::Cpu))
        .collect::<candle_core::Result<Vec<_>>>()?;
    let all = HashMap::from([(NAME, Tensor::cat(&each, 0)?)]);
    candle_core::safetensors::save(&all, path).with_context(|| path.display().to_string())
}

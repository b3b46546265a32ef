//! Tensors of colours ↔ bytes.

use candle_core::{DType, Device, Tensor};

use crate::backend::Rgb;
use crate::{Code, DrawError};

/// Bytes → one picture (1, 3, h, w), −1 to 1.
pub fn from_rgb(rgb: &Rgb, device: &Device) -> Result<Tensor, DrawError> {
    let values: Vec<f32> = rgb.bytes.iter().map(|b| f32::from(*b) / 127.5 - 1.0).collect();
    let rows = Tensor::from_vec(values, (rgb.height as usize, rgb.width as usize, 3), &Device::Cpu)?;
    Ok(rows.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?.to_device(device)?)
}

/// One picture (1, 3, h, w), −1 to 1 and what lies beyond is cut.
pub fn to_rgb(picture: &Tensor) -> Result<Rgb, DrawError> {
    let (_, _, height, width) = picture.dims4()?;
    let bytes = ((picture.squeeze(0)?.permute((1, 2, 0))? * 127.5)? + 127.5)?.clamp(0.0, 255.0)?;
    let bytes = bytes.flatten_all()?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
    let bytes = bytes.into_iter().map(|v| v.round_ties_even() as u8).collect();
    let side = |n: usize| u32::try_from(n).map_err(|_| DrawError::new(Code::Internal, "a picture too large"));
    Ok(Rgb { width: side(width)?, height: side(height)?, bytes })
}

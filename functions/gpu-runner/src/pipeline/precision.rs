//! In which precision each network of a model computes.

use candle_core::DType;
use serde_json::Value;

use super::parts::{Family, Parts};
use crate::DrawError;

/// Of `part`, where `asked` is asked for.
///
/// What f16 has ends at 65504, and SDXL's autoencoder goes beyond it, unless its configuration says that it does not:
/// as the reference has it (`force_upcast`, true where it is not said).
pub fn of(part: &str, asked: DType, parts: &dyn Parts) -> Result<DType, DrawError> {
    if part != "vae" || asked != DType::F16 || parts.family() == Family::Sd {
        return Ok(asked);
    }
    let keeps = matches!(parts.config(part)?.get("force_upcast"), Some(Value::Bool(false)));
    Ok(if keeps { asked } else { DType::F32 })
}

//! Half precision, and where layers widen it.
//!
//! On a GPU half-precision numbers are multiplied as they are. What sums many of them, norms and softmax, is done in single
//! precision everywhere. A CPU has no fast products of them (candle has none of bf16): there all layers compute in single
//! precision and round what comes out, which is how a GPU's own products behave.

use candle_core::{DType, Result, Tensor};

/// In single precision what has half.
pub fn wide(x: &Tensor) -> Result<Tensor> {
    if is_half(x.dtype()) { x.to_dtype(DType::F32) } else { Ok(x.clone()) }
}

pub fn is_half(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16)
}

/// Whether a layer is to widen what it multiplies.
pub fn must_widen(x: &Tensor) -> bool {
    x.device().is_cpu() && is_half(x.dtype())
}

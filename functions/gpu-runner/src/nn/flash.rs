//! FlashAttention-2 (Dao 2023) on GPUs: no score is ever in the GPU's memory.

use candle_core::{Result, Tensor};

use super::precision::is_half;

/// What the kernels are made for.
const WIDEST: usize = 512;

/// softmax(q·kᵀ/√d)·v of several heads side by side, shapes as `attend` has them; none where its kernels do not go:
/// they have no backward here, and want half precision and heads of a multiple of 8.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize) -> Result<Option<Tensor>> {
    let (batch, rows, width) = q.dims3()?;
    let (columns, d) = (k.dim(1)?, width / heads.max(1));
    let all = [q, k, v];
    if d == 0
        || d * heads != width
        || !d.is_multiple_of(8)
        || d > WIDEST
        || !all.iter().all(|t| t.device().is_cuda() && is_half(t.dtype()) && t.dtype() == q.dtype() && !t.track_op())
        || [k, v].iter().any(|t| t.dims() != [batch, columns, width])
    {
        return Ok(None);
    }
    let split = |t: &Tensor, rows: usize| t.contiguous()?.reshape((batch, rows, heads, d));
    let (q, k, v) = (split(q, rows)?, split(k, columns)?, split(v, columns)?);
    let scale = 1.0 / (d as f32).sqrt();
    Ok(Some(candle_flash_attn::flash_attn(&q, &k, &v, scale, false)?.reshape((batch, rows, width))?))
}

//! Scaled dot-product attention.

use candle_core::{D, Result, Tensor};

use super::cpu::attention::Sizes;
use super::cpu::gradient::attention::{Inputs, attention as back};
use super::cpu::{self, values};
use super::node::{Made, derived};
use super::precision::{must_widen, wide};
use super::recompute::recomputed;

/// Most scores held at once, in elements. Unbounded, a 512-pixel picture would want 1 GiB of f32, a 1024-pixel one 16.
/// On the CPU 4 MiB: what stays near the core (2^18 to 2^22 take the same time, 2^24 half as much again).
const ON_CPU: usize = 1 << 20;
const ON_GPU: usize = 1 << 28;
/// Where they are there several times, as they come and as gradients.
const ON_GPU_LEARNING: usize = 1 << 25;

/// softmax(q·kᵀ/√d)·v of several heads side by side.
///
/// q (batch, rows, heads·d), k and v (batch, columns, heads·d) → (batch, rows, heads·d).
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize) -> Result<Tensor> {
    #[cfg(feature = "flash-attn")]
    if let Some(out) = super::flash::attend(q, k, v, heads)? {
        return Ok(out);
    }
    if !cpu::serves([q, k, v]) {
        let [q, k, v] = [split_heads(q, heads)?, split_heads(k, heads)?, split_heads(v, heads)?];
        return join_heads(&attention(&q, &k, &v, None)?);
    }
    let (batch, rows, width) = q.dims3()?;
    let columns = k.dim(1)?;
    if heads == 0 || !width.is_multiple_of(heads) || [k, v].iter().any(|t| t.dims() != [batch, columns, width]) {
        candle_core::bail!("{heads} heads over {:?}, {:?} and {:?}", q.shape(), k.shape(), v.shape());
    }
    let (q, k, v) = (q.contiguous()?, k.contiguous()?, v.contiguous()?);
    let sizes = Sizes { batch, heads, rows, columns, d: width / heads };
    let out = cpu::attention::attention(&values(&q)?, &values(&k)?, &values(&v)?, sizes);
    let given = [q.clone(), k.clone(), v.clone()];
    let out = Made::numbers(out, (batch, rows, width));
    derived(out, &[&q, &k, &v], move |gradient| back_through(&given, None, gradient, sizes))
}

/// softmax(q·kᵀ/√d + mask)·v (Vaswani et al. 2017), in slices of rows.
///
/// q (batch, heads, rows, d), k and v (batch, heads, columns, d); `mask` (rows, columns) is added to the scores and has
/// no gradient.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let learns = [q, k, v].into_iter().any(Tensor::track_op);
    let most = match (q.device().is_cpu(), learns) {
        (true, _) => ON_CPU,
        (false, true) => ON_GPU_LEARNING,
        (false, false) => ON_GPU,
    };
    let (batch, heads, rows, d) = q.dims4()?;
    if !learns || !cpu::serves([q, k, v].into_iter().chain(mask)) {
        return sliced(q, k, v, mask, most);
    }
    let (q, k, v, mask) =
        (q.contiguous()?, k.contiguous()?, v.contiguous()?, mask.map(Tensor::contiguous).transpose()?);
    let out = sliced(&q.detach(), &k.detach(), &v.detach(), mask.as_ref(), most)?;
    let sizes = Sizes { batch: batch * heads, heads: 1, rows, columns: k.dim(2)?, d };
    let given = [q.clone(), k.clone(), v.clone()];
    derived(Made::Tensor(out), &[&q, &k, &v], move |gradient| back_through(&given, mask.as_ref(), gradient, sizes))
}

/// The gradients of q, k and v, which are contiguous.
fn back_through(
    given: &[Tensor; 3],
    mask: Option<&Tensor>,
    gradient: &Tensor,
    sizes: Sizes,
) -> Result<Vec<Option<Tensor>>> {
    let [q, k, v] = given;
    let (q, k, v, mask) = (values(q)?, values(k)?, values(v)?, mask.map(values).transpose()?);
    let parts = back(Inputs { q: &q, k: &k, v: &v, mask: mask.as_deref() }, &values(gradient)?, sizes);
    let shapes = given.iter().map(Tensor::shape);
    parts
        .into_iter()
        .zip(shapes)
        .map(|(part, shape)| Tensor::from_vec(part, shape, gradient.device()).map(Some))
        .collect()
}

fn sliced(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, max_scores: usize) -> Result<Tensor> {
    let (batch, heads, rows, d) = q.dims4()?;
    let columns = k.dim(2)?;
    // Scores of half-precision numbers overflow, and their exponentials need the bits that rounding takes.
    let (dtype, q, k, mask) = (q.dtype(), wide(q)?, wide(k)?, mask.map(wide).transpose()?);
    let v = if must_widen(v) { wide(v)? } else { v.clone() };
    let q = (q * (1.0 / (d as f64).sqrt()))?;
    let (k, v) = (k.transpose(2, 3)?.contiguous()?, v.contiguous()?);
    let learns = [&q, &k, &v].into_iter().any(Tensor::track_op);
    let slice = (max_scores / (batch * heads * columns).max(1)).clamp(1, rows.max(1));
    let mut out = Vec::with_capacity(rows.div_ceil(slice));
    for start in (0..rows).step_by(slice) {
        let len = slice.min(rows - start);
        let q = q.narrow(2, start, len)?.contiguous()?;
        let mask = mask.as_ref().map(|mask| mask.narrow(0, start, len)).transpose()?;
        out.push(if learns {
            // Scores are not kept for the gradients: there would be all of them, several times.
            recomputed(&[&q, &k, &v], move |given| weighed(&given[0], &given[1], &given[2], mask.as_ref()))?
        } else {
            weighed(&q, &k, &v, mask.as_ref())?
        });
    }
    if out.len() == 1 { out.swap_remove(0).contiguous() } else { Tensor::cat(&out, 2) }?.to_dtype(dtype)
}

/// softmax(q·k + mask)·v.
fn weighed(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let mut scores = q.matmul(k)?;
    if let Some(mask) = mask {
        scores = scores.broadcast_add(mask)?;
    }
    softmax(&scores)?.to_dtype(v.dtype())?.matmul(v)
}

/// Over the last dimension. candle's fused kernel has no backward: it is taken only where nothing asks for gradients.
fn softmax(x: &Tensor) -> Result<Tensor> {
    if x.track_op() { candle_nn::ops::softmax(x, D::Minus1) } else { candle_nn::ops::softmax_last_dim(x) }
}

/// (batch, rows, heads·d) → (batch, heads, rows, d).
pub fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, rows, width) = x.dims3()?;
    x.reshape((batch, rows, heads, width / heads))?.transpose(1, 2)?.contiguous()
}

/// (batch, heads, rows, d) → (batch, rows, heads·d).
pub fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (batch, heads, rows, d) = x.dims4()?;
    x.transpose(1, 2)?.reshape((batch, rows, heads * d))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;
    use candle_core::{DType, Device, Var};

    fn random(shape: &[usize], seed: u64) -> Tensor {
        Noise::new(seed).tensor(shape, DType::F32, &Device::Cpu).unwrap()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn slices_give_what_the_whole_gives() {
        let (q, k, v) = (random(&[2, 3, 7, 4], 1), random(&[2, 3, 5, 4], 2), random(&[2, 3, 5, 4], 3));
        let mask = random(&[7, 5], 4);
        let whole = attention(&q, &k, &v, Some(&mask)).unwrap();
        let parts = sliced(&q, &k, &v, Some(&mask), 60).unwrap();
        assert_eq!(whole.dims(), [2, 3, 7, 4]);
        assert!(distance(&whole, &parts) < 1e-6);
    }

    /// The fused softmax has no backward: a variable anywhere must reach its gradient all the same.
    #[test]
    fn gradients_are_those_of_finite_differences() {
        let q = Var::from_tensor(&random(&[1, 2, 6, 3], 1)).unwrap();
        let (k, v, weight) = (random(&[1, 2, 5, 3], 2), random(&[1, 2, 5, 3], 3), random(&[1, 2, 6, 3], 4));
        let loss = |q: &Tensor| (sliced(q, &k, &v, None, 30).unwrap() * &weight).unwrap().sum_all().unwrap();
        let gradient = loss(q.as_tensor()).backward().unwrap().get(q.as_tensor()).unwrap().clone();
        let direction = random(&[1, 2, 6, 3], 5);
        let at =
            |h: f64| loss(&(q.as_detached_tensor() + (&direction * h).unwrap()).unwrap()).to_scalar::<f32>().unwrap();
        let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
        let exact = (gradient * &direction).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((numeric - exact).abs() < 2e-3 * exact.abs().max(1.0), "{numeric} {exact}");
    }
}

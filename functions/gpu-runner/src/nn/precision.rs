//! Half precision, and where layers widen it.
//!
//! On a GPU half-precision numbers are multiplied as they are. What sums many of them, norms and softmax, is done in
//! single precision everywhere. A CPU has no fast products of them (candle has none of bf16): there all layers compute
//! in single precision and round what comes out, which is how a GPU's own products behave.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{LayerNorm, Linear, attend, attention};
    use crate::noise::Noise;
    use candle_core::Device;

    const HALVES: [(DType, f64); 2] = [(DType::F16, 1e-3), (DType::BF16, 1e-2)];

    fn random(shape: &[usize], seed: u64) -> Tensor {
        Noise::new(seed).tensor(shape, DType::F32, &Device::Cpu).unwrap()
    }

    /// Length of the difference, relative to that of the first.
    fn apart(single: &Tensor, half: &Tensor) -> f64 {
        let length = |x: &Tensor| f64::from(x.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt();
        length(&(single - half.to_dtype(DType::F32).unwrap()).unwrap()) / length(single)
    }

    /// Scores beyond what f16 has, with masks and without; torch's own attention does not overflow there either.
    #[test]
    fn attention_keeps_large_scores_apart() {
        for (dtype, bound) in HALVES {
            let round = |x: Tensor| x.to_dtype(dtype).unwrap();
            let q = round((random(&[2, 7, 64], 1) * 200.0).unwrap());
            let k = round((random(&[2, 9, 64], 2) * 200.0).unwrap());
            let v = round(random(&[2, 9, 64], 3));
            let largest = wide(&q).unwrap().matmul(&wide(&k).unwrap().t().unwrap()).unwrap();
            assert!(largest.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() > 65504.0);
            let single = attend(&wide(&q).unwrap(), &wide(&k).unwrap(), &wide(&v).unwrap(), 2).unwrap();
            let half = attend(&q, &k, &v, 2).unwrap();
            assert_eq!(half.dtype(), dtype);
            assert!(apart(&single, &half) < bound, "{dtype:?}: {}", apart(&single, &half));

            let split = |x: &Tensor| x.unsqueeze(1).unwrap();
            let mask = Tensor::full(f32::NEG_INFINITY, (7, 3), &Device::Cpu).unwrap();
            let mask = Tensor::cat(&[&Tensor::zeros((7, 6), DType::F32, &Device::Cpu).unwrap(), &mask], 1).unwrap();
            let half = attention(&split(&q), &split(&k), &split(&v), Some(&round(mask))).unwrap().squeeze(1).unwrap();
            let seen = |x: &Tensor| wide(&x.narrow(1, 0, 6).unwrap().contiguous().unwrap()).unwrap();
            let single = attend(&wide(&q).unwrap(), &seen(&k), &seen(&v), 1).unwrap();
            assert!(apart(&single, &half) < bound, "{dtype:?}: {}", apart(&single, &half));
        }
    }

    /// A sum of squares far beyond f16's end; and small numbers beside a large mean, which half sums would lose.
    #[test]
    fn norms_sum_in_single_precision() {
        for (dtype, bound) in HALVES {
            let x = ((random(&[3, 4096], 1) * 300.0).unwrap() + 1000.0).unwrap().to_dtype(dtype).unwrap();
            let norm = LayerNorm::new(
                random(&[4096], 2).to_dtype(dtype).unwrap(),
                random(&[4096], 3).to_dtype(dtype).unwrap(),
                1e-5,
            );
            let half = norm.forward(&x).unwrap();
            assert_eq!(half.dtype(), dtype);
            let single = norm.forward(&wide(&x).unwrap()).unwrap();
            assert!(apart(&single, &half) < bound, "{dtype:?}: {}", apart(&single, &half));
        }
    }

    #[test]
    fn products_round_once() {
        for (dtype, bound) in HALVES {
            let round = |x: Tensor| x.to_dtype(dtype).unwrap();
            let (x, weight, bias) =
                (round(random(&[5, 300], 1)), round(random(&[40, 300], 2)), round(random(&[40], 3)));
            let half = Linear::new(&weight, Some(bias.clone())).unwrap().forward(&x).unwrap();
            let single = Linear::new(&wide(&weight).unwrap(), Some(wide(&bias).unwrap())).unwrap();
            let single = single.forward(&wide(&x).unwrap()).unwrap();
            assert_eq!(half.dtype(), dtype);
            assert!(apart(&single, &half) < bound, "{dtype:?}: {}", apart(&single, &half));
        }
    }
}

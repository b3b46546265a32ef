//! Latents as the denoiser likes them: channels that know nothing of each other, of mean 0 and variance 1.
//!
//! Drawing scales all channels by one number. So the rest is written into the convolutions of 1 × 1 on both sides of
//! the latents: z' = W (z − μ) where W is the inverse of the Cholesky factor of the covariance.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};

/// Logarithm of the variance that all latents have afterwards: none to speak of, as the denoiser learns from the mean.
const SPREAD: f32 = -12.0;

/// Weight and bias of a convolution, before and after.
type Change<'a> = &'a dyn Fn(&Tensor, &Tensor) -> Result<(Tensor, Tensor)>;

/// Changes the autoencoder's tensors (`vae/quant_conv.weight`, …) so that `means` (batch, channels, h, w), what it made
/// of pictures before, would be white.
pub fn whiten(tensors: &mut BTreeMap<String, Tensor>, means: &Tensor) -> Result<()> {
    let channels = means.dim(1)?;
    let (mean, factor) = statistics(means)?;
    let inverse = inverse(&factor)?;
    let matrix = |rows: &[Vec<f64>]| -> Result<Tensor> {
        let all: Vec<f32> = rows.iter().flatten().map(|value| *value as f32).collect();
        Ok(Tensor::from_vec(all, (channels, channels), &Device::Cpu)?)
    };
    let column = |values: &[f64]| -> Result<Tensor> {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        Ok(Tensor::from_vec(values, (channels, 1), &Device::Cpu)?)
    };
    let mut change = |name: &str, to: Change| -> Result<()> {
        let (weight, bias) = (format!("vae/{name}.weight"), format!("vae/{name}.bias"));
        let (Some(w), Some(b)) = (tensors.get(&weight), tensors.get(&bias)) else {
            anyhow::bail!("there is no {name}");
        };
        let shape = w.shape().clone();
        let (w, b) = to(&w.flatten_from(1)?, b)?;
        tensors.insert(weight, w.reshape(shape)?);
        tensors.insert(bias, b);
        Ok(())
    };
    // First the means, then the logarithms of variances.
    change("quant_conv", &|weight, bias| {
        let (w, b) = (weight.narrow(0, 0, channels)?, bias.narrow(0, 0, channels)?.unsqueeze(1)?);
        let (w, b) = (matrix(&inverse)?.matmul(&w)?, matrix(&inverse)?.matmul(&(b - column(&mean)?)?)?);
        let rest = w.zeros_like()?;
        let spread = Tensor::full(SPREAD, (channels, 1), &Device::Cpu)?;
        Ok((Tensor::cat(&[w, rest], 0)?, Tensor::cat(&[b, spread], 0)?.flatten_all()?))
    })?;
    change("post_quant_conv", &|weight, bias| {
        let moved = (weight.matmul(&column(&mean)?)?.flatten_all()? + bias)?;
        Ok((weight.matmul(&matrix(&factor)?)?, moved))
    })
}

/// Mean of each channel, and the Cholesky factor of their covariance.
fn statistics(means: &Tensor) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let channels = means.dim(1)?;
    let rows: Vec<Vec<f32>> = means.transpose(0, 1)?.flatten_from(1)?.to_vec2()?;
    let count = rows[0].len() as f64;
    let mean: Vec<f64> = rows.iter().map(|row| row.iter().map(|v| f64::from(*v)).sum::<f64>() / count).collect();
    let covariance = |i: usize, j: usize| {
        let products = rows[i].iter().zip(&rows[j]).map(|(a, b)| (f64::from(*a) - mean[i]) * (f64::from(*b) - mean[j]));
        products.sum::<f64>() / count
    };
    let mut factor = vec![vec![0.0; channels]; channels];
    for i in 0..channels {
        for j in 0..=i {
            let rest = covariance(i, j) - (0..j).map(|k| factor[i][k] * factor[j][k]).sum::<f64>();
            factor[i][j] = if i == j { rest.sqrt() } else { rest / factor[j][j] };
        }
        ensure!(factor[i][i].is_finite() && factor[i][i] > 1e-6, "channel {i} of the latents says nothing of its own");
    }
    Ok((mean, factor))
}

/// Of a lower triangle with a diagonal that is nowhere 0.
fn inverse(factor: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
    let n = factor.len();
    let mut inverse = vec![vec![0.0; n]; n];
    for (row, given) in factor.iter().enumerate() {
        let values = (0..=row).map(|column| {
            let unit = if row == column { 1.0 } else { 0.0 };
            let rest = unit - (column..row).map(|k| given[k] * inverse[k][column]).sum::<f64>();
            rest / given[row]
        });
        let values: Vec<f64> = values.collect();
        inverse[row][..=row].copy_from_slice(&values);
    }
    Ok(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_runner::noise::Noise;

    #[test]
    fn what_comes_out_is_white_and_goes_back_as_it_came() {
        let mut noise = Noise::new(1);
        let mut random = |shape: &[usize]| noise.tensor(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        let before = random(&[5, 6, 7, 7]);
        let mut tensors = BTreeMap::from([
            ("vae/quant_conv.weight".to_string(), random(&[6, 6, 1, 1])),
            ("vae/quant_conv.bias".to_string(), random(&[6])),
            ("vae/post_quant_conv.weight".to_string(), random(&[3, 3, 1, 1])),
            ("vae/post_quant_conv.bias".to_string(), random(&[3])),
        ]);
        let through = |tensors: &BTreeMap<String, Tensor>, name: &str, x: &Tensor| -> Tensor {
            let w = &tensors[&format!("vae/{name}.weight")];
            let b = tensors[&format!("vae/{name}.bias")].reshape((1, (), 1, 1)).unwrap();
            x.conv2d(w, 0, 1, 1, 1).unwrap().broadcast_add(&b).unwrap()
        };
        let means =
            |tensors: &BTreeMap<String, Tensor>| through(tensors, "quant_conv", &before).narrow(1, 0, 3).unwrap();
        let learned = means(&tensors);
        let given = through(&tensors, "post_quant_conv", &learned);
        whiten(&mut tensors, &learned).unwrap();
        let white = means(&tensors);
        let (mean, factor) = statistics(&white).unwrap();
        for i in 0..3 {
            assert!(mean[i].abs() < 1e-4, "{mean:?}");
            for j in 0..3 {
                assert!((factor[i][j] - f64::from(u8::from(i == j))).abs() < 1e-3, "{factor:?}");
            }
        }
        let back = through(&tensors, "post_quant_conv", &white);
        let off = (back - given).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(off < 1e-3, "{off}");
    }
}

//! Changes of single layers, against sums written out.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use gpu_runner::adapters::{Lora, Part};
use gpu_runner::noise::Noise;

fn random(shape: &[usize], seed: u64) -> Tensor {
    Noise::new(seed).tensor(shape, candle_core::DType::F32, &Device::Cpu).unwrap()
}

/// Of a file that has these tensors.
fn lora(tensors: &[(&str, &Tensor)]) -> Lora {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("lora.safetensors");
    let tensors: HashMap<String, Tensor> =
        tensors.iter().map(|(name, tensor)| (name.to_string(), (*tensor).clone())).collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    Lora::open(&path).unwrap()
}

fn delta(tensors: &[(&str, &Tensor)], shape: &[usize]) -> Tensor {
    let names: Vec<String> = tensors.iter().map(|(name, _)| format!("lora_unet_mid.{name}")).collect();
    let lora = lora(&names.iter().map(String::as_str).zip(tensors.iter().map(|(_, t)| *t)).collect::<Vec<_>>());
    assert_eq!(lora.layers(Part::Unet).collect::<Vec<_>>(), [("mid", 1.0)]);
    lora.delta(Part::Unet, "mid", shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// W[o, i, y, x] = Σ up[o, p] · mid[p, q, y, x] · down[q, i].
#[test]
fn decomposed_convolutions_are_put_together() {
    let (outputs, inputs, rank, pixels) = (5, 3, 2, 9);
    let (up, mid) = (random(&[outputs, rank, 1, 1], 1), random(&[rank, rank, 3, 3], 2));
    let down = random(&[rank, inputs, 1, 1], 3);
    let seen = values(&delta(
        &[("lora_up.weight", &up), ("lora_mid.weight", &mid), ("lora_down.weight", &down)],
        &[5, 3, 3, 3],
    ));
    let (up, mid, down) = (values(&up), values(&mid), values(&down));
    for (at, seen) in seen.iter().enumerate() {
        let (o, i, k) = (at / (inputs * pixels), at / pixels % inputs, at % pixels);
        let term = |p: usize, q: usize| up[o * rank + p] * mid[(p * rank + q) * pixels + k] * down[q * inputs + i];
        let expected: f32 = (0..rank * rank).map(|pq| term(pq / rank, pq % rank)).sum();
        assert!((seen - expected).abs() < 1e-5, "{at}: {seen} {expected}");
    }
}

/// Linear layers written as convolutions of one pixel, and the other way round.
#[test]
fn a_pixel_more_or_less_is_the_same_layer() {
    let (up, down) = (random(&[5, 2], 1), random(&[2, 3], 2));
    let flat = delta(&[("lora_A.weight", &down), ("lora_B.weight", &up)], &[5, 3]);
    let convolution = delta(&[("lora.up.weight", &up), ("lora.down.weight", &down)], &[5, 3, 1, 1]);
    let square = |t: &Tensor| t.unsqueeze(2).unwrap().unsqueeze(3).unwrap();
    let written = delta(&[("lora_up.weight", &square(&up)), ("lora_down.weight", &square(&down))], &[5, 3]);
    assert_eq!(convolution.dims(), [5, 3, 1, 1]);
    assert!(values(&flat) == values(&convolution) && values(&flat) == values(&written));
}

/// Each layer has its own alpha; none means the rank.
#[test]
fn scales_are_alpha_over_rank() {
    let (down, up, alpha) = (random(&[4, 3], 1), random(&[5, 4], 2), Tensor::new(&[3f32], &Device::Cpu).unwrap());
    let of = lora(&[
        ("lora_unet_a.lora_down.weight", &down),
        ("lora_unet_a.lora_up.weight", &up),
        ("lora_unet_a.alpha", &alpha),
        ("lora_unet_b.lora_down.weight", &down),
        ("lora_unet_b.lora_up.weight", &up),
        ("lora_te_text_model_c.lora_down.weight", &down),
        ("lora_te_text_model_c.lora_up.weight", &up),
        ("lora_te_text_model_c.alpha", &(&alpha * 2.0).unwrap()),
    ]);
    assert_eq!(of.layers(Part::Unet).collect::<Vec<_>>(), [("a", 0.75), ("b", 1.0)]);
    assert_eq!(of.layers(Part::Text(0)).collect::<Vec<_>>(), [("c", 1.5)]);
}

/// A layer by both of its names counts once.
#[test]
fn doubled_layers_count_once() {
    let (down, up) = (random(&[4, 3], 1), random(&[5, 4], 2));
    let of = lora(&[
        ("lora_unet_down_blocks_0_x.lora_down.weight", &down),
        ("lora_unet_down_blocks_0_x.lora_up.weight", &up),
        ("lora_unet_input_blocks_1_0_x.lora_down.weight", &down),
        ("lora_unet_input_blocks_1_0_x.lora_up.weight", &up),
    ]);
    assert_eq!(of.layers(Part::Unet).collect::<Vec<_>>(), [("down_blocks_0_x", 1.0)]);
}

//! Memory that a training takes, estimated from configurations and headers before any of it is allocated: a process
//! that runs out of memory ends the whole runner and not one task.
//!
//! The estimate counts weights, parameters with their gradients and moments, and the layers' results that the backward
//! pass needs. On a CPU it was measured against an allocator that counts (`tests/training_memory.rs`); on other devices
//! it is counted alone.

use candle_core::Device;

use super::networks::trainable;
use super::plan::{Chain, Kind, Learns, Plan};
use crate::DrawError;
use crate::models::clip::TextConfig;
use crate::models::unet::UnetConfig;
use crate::pipeline::{Family, Parts, side};

/// Bytes of a number: trainings are in single precision.
const SINGLE: u64 = 4;
/// Numbers that the backward pass needs of a residual block, for each of its input and output channels and pixel.
const RESIDUAL: (u64, u64) = (2, 7);
/// Numbers that it needs of a transformer block and of the layers around it, for each channel and token.
const TRANSFORMER: (u64, u64) = (40, 8);
/// The share of gradients on their way back, beside what they are computed from, as a fraction.
const BACKWARD: (u64, u64) = (5, 4);
/// Layers that are candle's own operations, as on a GPU, keep more results.
const DECOMPOSED: u64 = 2;
/// Slices of attention scores on a GPU with their gradients.
const SCORES: u64 = 8 << 25;
/// Images of full size and width that the autoencoder has at hand at once.
const AT_ONCE: u64 = 5;
/// Channels of the moments of latents, which are kept of all images as far as `Plan::latents` allows.
const MOMENTS: u64 = 8;

/// Bytes of vocabulary, captions, headers, and buffers of kernels.
const SMALL: u64 = 16 << 20;

/// A residual block of the denoiser, with the transformer behind it.
struct Block {
    /// Times that the image is halved before it.
    level: usize,
    inputs: u64,
    outputs: u64,
    /// Transformer blocks, and the width of the text.
    attends: Option<(u64, u64)>,
}

/// Bytes that a training takes at its most, samples included, with so many images of `resolution` pixels squared.
///
/// # Errors
///
/// Those of `check_model`, and of the headers of the weights.
pub fn bytes(
    parts: &dyn Parts,
    plan: &Plan,
    (images, resolution): (usize, usize),
    device: &Device,
) -> Result<u64, DrawError> {
    let (unet, vae) = trainable(parts)?;
    let texts = texts(parts)?;
    let networks = parts.family().texts().iter().map(|(part, _)| *part).chain(["unet", "vae"]);
    let weights = networks.map(|part| parts.numbers(part)).sum::<Result<u64, _>>()?;
    let parameters = parameters(parts, &plan.kind, &unet, &texts)?;
    let whole = matches!(plan.kind, Kind::Checkpoint(_));
    // Gradients and two moments; averages; parameters that are no weights of the model.
    let copies = 3 + u64::from(plan.course.average.is_some()) + u64::from(!whole);

    let factor = vae.factor().max(1);
    let pixels = (resolution * resolution) as u64;
    let latents = pixels / (factor * factor) as u64;
    let learns_texts = matches!(plan.kind, Kind::Checkpoint(learns) | Kind::Lora { learns, .. } if learns.text)
        || matches!(plan.kind, Kind::Words { .. });
    let step = {
        let kept = kept(&unet, latents) + if learns_texts { texts.iter().map(kept_of_text).sum() } else { 0 };
        let kept = kept.saturating_mul(plan.batch as u64) / BACKWARD.1 * BACKWARD.0;
        if device.is_cpu() { kept } else { kept.saturating_mul(DECOMPOSED).saturating_add(SCORES) }
    };
    let widest = vae.block_out_channels.iter().take(2).copied().max().unwrap_or(1) as u64;
    let side = side(parts)?.min(resolution) as u64;
    let encoding = AT_ONCE * widest * pixels;
    // The model to draw samples with, and copies of the parameters: one that is written, one that is drawn with.
    let sample = AT_ONCE * widest * side * side + 2 * parameters + if whole { weights } else { 0 };
    let sampler = if whole { 0 } else { weights };
    let moments = (MOMENTS * latents * SINGLE).saturating_mul(images as u64).min(plan.latents);
    let numbers = weights + sampler + copies * parameters + step.max(encoding).max(sample);
    Ok(numbers.saturating_mul(SINGLE).saturating_add(moments).saturating_add(SMALL))
}

fn texts(parts: &dyn Parts) -> Result<Vec<TextConfig>, DrawError> {
    let texts = parts.family().texts().iter();
    texts.map(|(part, _)| TextConfig::checked(&parts.config(part)?).map_err(|e| e.at(part))).collect()
}

/// Numbers that are learnt.
fn parameters(parts: &dyn Parts, kind: &Kind, unet: &UnetConfig, texts: &[TextConfig]) -> Result<u64, DrawError> {
    let of_texts = |learns: &Learns| if learns.text { texts } else { &[] };
    Ok(match kind {
        Kind::Checkpoint(learns) => {
            let names = parts.family().texts().iter().filter(|_| learns.text).map(|(part, _)| *part);
            let parts_of = names.chain(learns.unet.then_some("unet"));
            parts_of.map(|part| parts.numbers(part)).sum::<Result<u64, _>>()?
        }
        Kind::Lora { rank, convolutions, learns, .. } => {
            let unet = if learns.unet { lora_of_unet(unet, *convolutions) } else { 0 };
            let idle = u64::from(parts.family() != Family::Sd);
            // Of two encoders the last layer of the first is not looked at.
            let of = |(i, text): (usize, &TextConfig)| {
                let layers = text.num_hidden_layers as u64 - if i == 0 { idle } else { 0 };
                layers * (10 * text.hidden_size + 2 * text.intermediate_size) as u64
            };
            *rank as u64 * (unet + of_texts(learns).iter().enumerate().map(of).sum::<u64>())
        }
        Kind::Words { vectors, .. } => texts.iter().map(|text| (vectors * text.hidden_size) as u64).sum(),
        Kind::Hypernetwork(chain) => super::hyper::widths(unet).into_iter().map(|width| chain_of(chain, width)).sum(),
    })
}

/// Numbers of a LoRA of rank 1.
fn lora_of_unet(unet: &UnetConfig, convolutions: bool) -> u64 {
    let time = 4 * unet.down.first().map_or(0, |level| level.channels as u64);
    let of = |block: &Block| {
        let (inputs, width) = (block.inputs, block.outputs);
        // Two convolutions of 3 × 3, what the time is projected by, and a convolution of one pixel.
        let shortcut = if inputs == width { 0 } else { inputs + width };
        let convolutions = if convolutions { 9 * inputs + 11 * width + time + width + shortcut } else { 0 };
        // Into and out of the transformer; self-attention, cross-attention, feed-forward.
        let attends = block.attends.map_or(0, |(depth, text)| 4 * width + depth * (28 * width + 2 * text));
        convolutions + attends
    };
    let samplers = unet.down.windows(2).map(|two| {
        let both = two.first().map_or(0, |level| level.channels) + two.get(1).map_or(0, |level| level.channels);
        10 * both as u64
    });
    blocks(unet).iter().map(of).sum::<u64>() + if convolutions { samplers.sum() } else { 0 }
}

/// Numbers of both sides of a hypernetwork's chain.
fn chain_of(chain: &Chain, width: usize) -> u64 {
    let sizes: Vec<u64> = chain.layers.iter().map(|part| ((width as f64 * part) as u64).max(1)).collect();
    let layers = sizes.windows(2).map(|pair| {
        let (inputs, outputs) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
        inputs * outputs + outputs + if chain.norm { 2 * outputs } else { 0 }
    });
    2 * layers.sum::<u64>()
}

/// The residual blocks in the order that they are computed in.
fn blocks(unet: &UnetConfig) -> Vec<Block> {
    let (mut blocks, levels) = (Vec::new(), unet.down.len());
    let mut channels = unet.down.first().map_or(0, |level| level.channels as u64);
    let mut skips = vec![channels];
    for (level, of) in unet.down.iter().enumerate() {
        let outputs = of.channels as u64;
        let attends = of.attends.then_some((of.depth as u64, of.context as u64));
        for _ in 0..of.layers {
            blocks.push(Block { level, inputs: channels, outputs, attends });
            channels = outputs;
            skips.push(channels);
        }
        if level + 1 < levels {
            skips.push(channels);
        }
    }
    if let Some(last) = unet.down.last() {
        let attends = Some((last.depth as u64, last.context as u64));
        blocks.push(Block { level: levels - 1, inputs: channels, outputs: channels, attends });
        blocks.push(Block { level: levels - 1, inputs: channels, outputs: channels, attends: None });
    }
    for ((level, of), attends) in unet.down.iter().enumerate().rev().zip(&unet.up_attends) {
        let outputs = of.channels as u64;
        let attends = attends.then_some((of.depth as u64, of.context as u64));
        for _ in 0..=of.layers {
            let inputs = channels + skips.pop().unwrap_or(0);
            blocks.push(Block { level, inputs, outputs, attends });
            channels = outputs;
        }
    }
    blocks
}

/// Numbers that the backward pass through the denoiser needs for one image of so many latent pixels.
fn kept(unet: &UnetConfig, latents: u64) -> u64 {
    let of = |Block { level, inputs, outputs, attends }: &Block| {
        let pixels = latents.checked_shr(2 * *level as u32).unwrap_or(0).max(1);
        let residual = RESIDUAL.0 * inputs + RESIDUAL.1 * outputs;
        let transformer = attends.map_or(0, |(depth, _)| outputs * (TRANSFORMER.0 * depth + TRANSFORMER.1));
        pixels * (residual + transformer)
    };
    blocks(unet).iter().map(of).sum()
}

fn kept_of_text(text: &TextConfig) -> u64 {
    let layer = 12 * text.hidden_size + 4 * text.intermediate_size;
    (text.max_position_embeddings * text.num_hidden_layers * layer) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline;
    use crate::tiny::{self, Layout};
    use crate::train::{Diffusion, Example, Examples, Learner};

    struct Grey;

    impl Examples for Grey {
        fn len(&self) -> usize {
            1
        }

        fn size(&self, _: usize) -> (usize, usize) {
            (64, 64)
        }

        fn get(&self, _: usize) -> Result<Example, DrawError> {
            Ok(Example { pixels: vec![0.0; 3 * 64 * 64], width: 64, height: 64, caption: "grey".into() })
        }

        fn fingerprint(&self) -> String {
            String::new()
        }
    }

    #[test]
    fn all_that_is_learnt_is_counted() {
        let (both, chain) = (Learns { unet: true, text: true }, Chain::default());
        let lora = |rank, convolutions, learns| Kind::Lora { rank, alpha: 1.0, convolutions, learns };
        let kinds = [
            Kind::Checkpoint(both),
            Kind::Checkpoint(Learns { text: false, ..both }),
            lora(3, false, both),
            lora(2, true, both),
            lora(1, false, Learns { text: false, ..both }),
            Kind::Words { word: "fox".into(), vectors: 2, from: "a dog".into() },
            Kind::Hypernetwork(Chain { norm: true, ..chain.clone() }),
            Kind::Hypernetwork(chain),
        ];
        for layout in [Layout::Sd15, Layout::Sd2, Layout::Sdxl] {
            let dir = tempfile::tempdir().unwrap();
            tiny::write(dir.path(), layout, 0).unwrap();
            let parts = pipeline::open(dir.path(), None).unwrap();
            let (unet, _) = trainable(&*parts).unwrap();
            let texts = texts(&*parts).unwrap();
            for kind in &kinds {
                let plan = Plan::new(kind.clone(), 1);
                let learner = Diffusion::new(&plan, &*parts, &Grey, &Device::Cpu).unwrap();
                let all = learner.parameters().all();
                let learnt: u64 = all.iter().map(|(_, var)| var.elem_count() as u64).sum();
                let counted = parameters(&*parts, kind, &unet, &texts).unwrap();
                // What of a text encoder has no effect is no parameter.
                let exact = !matches!(kind, Kind::Checkpoint(learns) if learns.text && layout == Layout::Sdxl);
                assert!(counted == learnt || !exact && counted > learnt, "{layout:?} {kind:?}: {counted} {learnt}");
            }
        }
    }

    #[test]
    fn more_of_anything_takes_more() {
        let dir = tempfile::tempdir().unwrap();
        tiny::write(dir.path(), Layout::Sd15, 0).unwrap();
        let parts = pipeline::open(dir.path(), None).unwrap();
        let of = |rank, batch, resolution| {
            let learns = Learns { unet: true, text: true };
            let kind = Kind::Lora { rank, alpha: 1.0, convolutions: false, learns };
            let plan = Plan { batch, ..Plan::new(kind, 1) };
            bytes(&*parts, &plan, (4, resolution), &Device::Cpu).unwrap()
        };
        let small = of(4, 2, 128);
        assert!(small < of(200, 2, 128) && small < of(4, 4, 128) && small < of(4, 2, 256));
        // A batch of the largest numbers is no overflow.
        assert!(of(256, 65_536, 4096) > 1 << 40);
    }
}

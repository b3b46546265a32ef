//! LoRAs by kohya's names, with the blocks as diffusers counts them: `lora_unet_down_blocks_0_…_to_q.lora_down.weight`.
//! The web UIs, ComfyUI, diffusers and kohya's own scripts read these for all families.

use std::path::Path;

use candle_core::{DType, Tensor};
use serde_json::json;

use super::about::{About, save};
use super::file::{Pending, Tensors};
use crate::adapters::Part;
use crate::checkpoint::Kind;
use crate::{Code, DrawError};

/// What was learnt for one layer: up · down changes its weight.
pub struct Factors<'a> {
    pub part: Part,
    /// Its name in the diffusers layout, without `.weight`.
    pub layer: &'a str,
    /// (rank, inputs), for convolutions (rank, inputs, kernel, kernel).
    pub down: &'a Tensor,
    /// (outputs, rank), for convolutions with or without a kernel of 1.
    pub up: &'a Tensor,
}

/// `alpha / rank` scales the change.
pub fn lora(path: &Path, layers: &[Factors], alpha: f64, about: &About, dtype: DType) -> Result<(), DrawError> {
    let mut tensors = Tensors::new();
    let (mut rank, mut convolved) = (0, None);
    for Factors { part, layer, down, up } in layers {
        let (down_shape, up_shape) = (down.dims(), up.dims());
        let (own, outputs) = match (down_shape, up_shape) {
            ([own, _], [outputs, other]) | ([own, _, _, _], [outputs, other] | [outputs, other, 1, 1])
                if own == other =>
            {
                (*own, *outputs)
            }
            _ => {
                let message = format!("{layer}: {up_shape:?} times {down_shape:?} changes no layer");
                return Err(DrawError::new(Code::Internal, message));
            }
        };
        let up = if down_shape.len() == 4 { up.reshape((outputs, own, 1, 1))? } else { (*up).clone() };
        match down_shape {
            [_, _, height, width] if height * width > 1 => convolved = Some(own),
            _ => rank = rank.max(own),
        }
        let name = name(about.base.kind, *part, layer);
        let alpha = Tensor::new(alpha as f32, &candle_core::Device::Cpu)?;
        tensors.insert(format!("{name}.lora_down.weight"), Pending::of(down));
        tensors.insert(format!("{name}.lora_up.weight"), Pending::of(&up));
        tensors.insert(format!("{name}.alpha"), Pending::of(&alpha));
    }
    let mut texts = about.adapter("lora");
    texts.insert("ss_network_module".into(), "networks.lora".into());
    texts.insert("ss_network_dim".into(), if rank > 0 { rank } else { convolved.unwrap_or(0) }.to_string());
    texts.insert("ss_network_alpha".into(), alpha.to_string());
    if let Some(rank) = convolved {
        let arguments = json!({ "conv_dim": rank.to_string(), "conv_alpha": alpha.to_string() });
        texts.insert("ss_network_args".into(), arguments.to_string());
    }
    save(path, &tensors, texts, dtype)
}

fn name(kind: Kind, part: Part, layer: &str) -> String {
    let text = |layer: &str| match layer.starts_with("text_") {
        true => layer.replace('.', "_"),
        // Some directories leave the outer name out.
        false => format!("text_model_{}", layer.replace('.', "_")),
    };
    match (part, kind) {
        (Part::Unet, _) => format!("lora_unet_{}", layer.replace('.', "_")),
        (Part::Text(index), Kind::Sdxl) => format!("lora_te{}_{}", index + 1, text(layer)),
        (Part::Text(_), _) => format!("lora_te_{}", text(layer)),
    }
}

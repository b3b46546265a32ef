//! The names that LoRA files give to the layers they change: kohya's
//! (`lora_unet_down_blocks_0_…_to_q.lora_down.weight`, `lora_te_…`, of SDXL also the original blocks,
//! `lora_unet_input_blocks_4_1_…`), peft's and the reference's (`unet.down_blocks.0.….to_q.lora_A.weight`,
//! `text_encoder.….lora_linear_layer.up.weight`), and the older ones of attention processors
//! (`….attn1.processor.to_q_lora.up.weight`).
//!
//! All become a part of the model and a name in one spelling, with `_` between words; the layers of a network are known
//! by the same spelling.

use std::collections::HashMap;

use crate::checkpoint::names::unet::Blocks;

/// A network that a LoRA may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Unet,
    /// From 0.
    Text(usize),
}

/// What a tensor is to the change of its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    Down,
    Up,
    /// Between the two, of decomposed convolutions.
    Mid,
    Alpha,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Known {
        part: Part,
        layer: String,
        factor: Factor,
    },
    /// Of another method, by its name.
    Other(&'static str),
    Unknown,
}

const SUFFIXES: [(&str, Factor); 12] = [
    (".lora_down.weight", Factor::Down),
    (".lora_up.weight", Factor::Up),
    (".lora_mid.weight", Factor::Mid),
    (".lora_A.weight", Factor::Down),
    (".lora_B.weight", Factor::Up),
    (".lora.down.weight", Factor::Down),
    (".lora.up.weight", Factor::Up),
    (".lora_linear_layer.down.weight", Factor::Down),
    (".lora_linear_layer.up.weight", Factor::Up),
    ("_lora.down.weight", Factor::Down),
    ("_lora.up.weight", Factor::Up),
    (".alpha", Factor::Alpha),
];

/// Longer ones first where one begins another.
const PREFIXES: [(&str, Part); 9] = [
    ("lora_unet_", Part::Unet),
    ("lora_te1_", Part::Text(0)),
    ("lora_te2_", Part::Text(1)),
    ("lora_te_", Part::Text(0)),
    ("unet.", Part::Unet),
    ("text_encoder_2.", Part::Text(1)),
    ("text_encoder.", Part::Text(0)),
    ("base_model.model.text_model.", Part::Text(0)),
    ("base_model.model.", Part::Unet),
];

const OTHERS: [(&str, &str); 6] = [
    (".hada_", "LoHa"),
    (".lokr_", "LoKr"),
    (".dora_scale", "DoRA"),
    (".lora_magnitude_vector", "DoRA"),
    (".oft_", "OFT"),
    (".lora_B.bias", "LoRA with biases"),
];

pub fn key(key: &str) -> Key {
    if let Some((_, method)) = OTHERS.iter().find(|(mark, _)| key.contains(mark)) {
        return Key::Other(method);
    }
    if key.ends_with(".diff") || key.ends_with(".diff_b") {
        return Key::Other("a whole difference");
    }
    // peft writes the adapter's own name between the two.
    let plain = key.replace(".lora_A.default.", ".lora_A.").replace(".lora_B.default.", ".lora_B.");
    let Some((layer, factor)) =
        SUFFIXES.iter().find_map(|(suffix, factor)| Some((plain.strip_suffix(suffix)?, *factor)))
    else {
        return Key::Unknown;
    };
    // Files of the denoiser alone may have no prefix.
    let (layer, part) = PREFIXES
        .iter()
        .find_map(|(prefix, part)| Some((layer.strip_prefix(prefix)?, *part)))
        .unwrap_or((layer, Part::Unet));
    Key::Known { part, layer: spelled(part, layer), factor }
}

/// One spelling for all: `_` between words, no names that only some writers put around the others.
pub(super) fn spelled(part: Part, layer: &str) -> String {
    let layer = layer.replace(".processor.", ".");
    let last = match (part, layer.rsplit_once('.')) {
        (Part::Unet, Some((front, "to_out"))) => format!("{front}.to_out.0"),
        (Part::Text(_), Some((front, projection))) => match projection.strip_prefix("to_") {
            Some(name) => format!("{front}.{name}_proj"),
            None => layer,
        },
        _ => layer,
    };
    let joined = last.replace('.', "_");
    match part {
        Part::Unet => joined,
        Part::Text(_) => joined.strip_prefix("text_model_").unwrap_or(&joined).to_string(),
    }
}

/// The spellings of a network's layers → the name of each one's weight.
pub fn layers<'a>(part: Part, weights: impl Iterator<Item = &'a str> + Clone) -> HashMap<String, String> {
    let per_level = weights
        .clone()
        .filter_map(|name| name.strip_prefix("down_blocks.0.resnets.")?.split('.').next()?.parse::<usize>().ok())
        .max()
        .map_or(0, |last| last + 1);
    let mut layers = HashMap::new();
    for weight in weights {
        let Some(layer) = weight.strip_suffix(".weight") else { continue };
        layers.insert(spelled(part, layer), weight.to_string());
        if let Some(original) = original(layer, per_level).filter(|_| part == Part::Unet) {
            // Where a level does not attend, its upsampling has the attention's place.
            if layer.contains(".upsamplers.") {
                layers.insert(original.replace("_2_conv", "_1_conv"), weight.to_string());
            }
            layers.insert(original, weight.to_string());
        }
    }
    layers
}

/// The layer's name in the model as it was first published, spelled as here. `per_level` is the number of residual
/// blocks of a level on the way down.
fn original(layer: &str, per_level: usize) -> Option<String> {
    // More levels than any model has; whether one attends is dealt with above.
    let blocks = Blocks { per_level, up_attends: vec![true; 16] };
    let name = blocks.original(&format!("{layer}.weight"))?;
    Some(name.strip_suffix(".weight")?.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> (Part, String, Factor) {
        match key(name) {
            Key::Known { part, layer, factor } => (part, layer, factor),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn all_spellings_of_a_layer_are_one() {
        let query = "down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_q";
        let dotted = "down_blocks.0.attentions.1.transformer_blocks.0.attn1";
        for (name, factor) in [
            (format!("lora_unet_{query}.lora_down.weight"), Factor::Down),
            (format!("lora_unet_{query}.alpha"), Factor::Alpha),
            (format!("unet.{dotted}.to_q.lora_A.weight"), Factor::Down),
            (format!("unet.{dotted}.to_q.lora_B.default.weight"), Factor::Up),
            (format!("base_model.model.{dotted}.to_q.lora_B.weight"), Factor::Up),
            (format!("unet.{dotted}.to_q.lora.up.weight"), Factor::Up),
            (format!("unet.{dotted}.processor.to_q_lora.up.weight"), Factor::Up),
            (format!("{dotted}.processor.to_q_lora.down.weight"), Factor::Down),
        ] {
            assert_eq!(known(&name), (Part::Unet, query.to_string(), factor), "{name}");
        }
        let out = known(&format!("unet.{dotted}.processor.to_out_lora.up.weight")).1;
        assert!(out.ends_with("attn1_to_out_0"), "{out}");
        let value = "encoder_layers_1_self_attn_v_proj";
        for (name, part) in [
            (format!("lora_te_text_model_{value}.lora_up.weight"), 0),
            (format!("lora_te1_text_model_{value}.lora_up.weight"), 0),
            (format!("lora_te2_text_model_{value}.lora_up.weight"), 1),
            ("text_encoder.text_model.encoder.layers.1.self_attn.v_proj.lora_linear_layer.up.weight".into(), 0),
            ("text_encoder_2.text_model.encoder.layers.1.self_attn.v_proj.lora_B.weight".into(), 1),
            ("text_encoder.text_model.encoder.layers.1.self_attn.to_v_lora.up.weight".into(), 0),
        ] {
            assert_eq!(known(&name), (Part::Text(part), value.to_string(), Factor::Up), "{name}");
        }
        assert_eq!(key("lora_unet_x.hada_w1_a"), Key::Other("LoHa"));
        assert_eq!(key("lora_unet_x.weight"), Key::Unknown);
    }

    /// By hand from the published files of SD 1.5 and SDXL: two residual blocks a level.
    #[test]
    fn blocks_are_counted_as_first_published() {
        for (layer, expected) in [
            ("conv_in", "input_blocks_0_0"),
            ("down_blocks.0.resnets.1.conv1", "input_blocks_2_0_in_layers_2"),
            ("down_blocks.0.downsamplers.0.conv", "input_blocks_3_0_op"),
            ("down_blocks.1.attentions.0.proj_in", "input_blocks_4_1_proj_in"),
            (
                "down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_k",
                "input_blocks_8_1_transformer_blocks_9_attn2_to_k",
            ),
            ("mid_block.resnets.1.time_emb_proj", "middle_block_2_emb_layers_1"),
            (
                "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
                "middle_block_1_transformer_blocks_0_ff_net_0_proj",
            ),
            ("up_blocks.0.attentions.2.proj_out", "output_blocks_2_1_proj_out"),
            ("up_blocks.1.upsamplers.0.conv", "output_blocks_5_2_conv"),
            ("up_blocks.2.resnets.0.conv_shortcut", "output_blocks_6_0_skip_connection"),
        ] {
            assert_eq!(original(layer, 2).as_deref(), Some(expected), "{layer}");
        }
        assert_eq!(original("norm", 2), None);
    }
}

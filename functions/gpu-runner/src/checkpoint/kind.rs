//! Which family a file is of, by the names in it.

use crate::models::config::unsupported;
use crate::weights::Weights;
use crate::{Code, DrawError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text by CLIP's encoder.
    Sd1,
    /// Text by OpenCLIP's.
    Sd2,
    /// Text by both.
    Sdxl,
    /// What goes over the pictures of the former: text by OpenCLIP's.
    Refiner,
}

pub const UNET: &str = "model.diffusion_model.";
pub const VAE: &str = "first_stage_model.";

impl Kind {
    pub fn of(weights: &Weights) -> Result<Self, DrawError> {
        let has = |name: &str| weights.shape(name).is_some();
        if !has("model.diffusion_model.input_blocks.0.0.weight") {
            return Err(other(weights));
        }
        if has("edm_mean") {
            return Err(unsupported("a model for the EDM sampler".into()));
        }
        let sdxl = Self::Sdxl.encoders();
        let (clip, open_clip) = (sdxl[0].has(&has), sdxl[1].has(&has));
        if clip && open_clip {
            Ok(Self::Sdxl)
        } else if Self::Refiner.encoders()[0].has(&has) {
            Ok(Self::Refiner)
        } else if Self::Sd2.encoders()[0].has(&has) {
            Ok(Self::Sd2)
        } else if Self::Sd1.encoders()[0].has(&has) {
            Ok(Self::Sd1)
        } else {
            Err(DrawError::new(Code::WeightsMissing, "no text encoder is in the file"))
        }
    }

    /// The text encoders, in the order of the parts of the diffusers layout.
    pub fn encoders(self) -> &'static [Encoder] {
        match self {
            Kind::Sd1 => &[Encoder { prefix: "cond_stage_model.transformer.", open_clip: false }],
            Kind::Sd2 => &[Encoder { prefix: "cond_stage_model.model.", open_clip: true }],
            Kind::Sdxl => &[
                Encoder { prefix: "conditioner.embedders.0.transformer.", open_clip: false },
                Encoder { prefix: "conditioner.embedders.1.model.", open_clip: true },
            ],
            Kind::Refiner => &[Encoder { prefix: "conditioner.embedders.0.model.", open_clip: true }],
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    pub prefix: &'static str,
    /// As OpenCLIP names its layers, else as CLIP does.
    pub open_clip: bool,
}

impl Encoder {
    fn has(&self, has: &impl Fn(&str) -> bool) -> bool {
        let known: &[&str] = match self.open_clip {
            true => &["token_embedding.weight"],
            // Older files leave the outer name out.
            false => &["text_model.embeddings.token_embedding.weight", "embeddings.token_embedding.weight"],
        };
        known.iter().any(|name| has(&format!("{}{name}", self.prefix)))
    }
}

/// What it is instead, as far as that can be told.
fn other(weights: &Weights) -> DrawError {
    let signs = [
        ("lora_", "a LoRA, which changes a model and is none"),
        ("unet.", "a LoRA, which changes a model and is none"),
        ("emb_params", "an embedding, which changes a model and is none"),
        ("control_model.", "a ControlNet"),
        ("down_blocks.", "one network of a model: give the directory of all"),
        ("decoder.", "one network of a model: give the directory of all"),
        ("text_model.", "one network of a model: give the directory of all"),
        ("model.diffusion_model.joint_blocks.", "a model of the family of Stable Diffusion 3"),
        ("model.diffusion_model.double_blocks.", "a model of the family of Flux"),
        ("double_blocks.", "a model of the family of Flux"),
    ];
    let names = weights.names();
    let sign = signs.iter().find(|(prefix, _)| names.iter().any(|name| name.starts_with(prefix)));
    let what = sign.map_or("no model whose names are known", |(_, what)| what);
    unsupported(format!("{what} (only Stable Diffusion 1, 2 and XL are supported)"))
}

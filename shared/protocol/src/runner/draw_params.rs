//! What a runner is asked to draw.

use domain::range::{IntRange, NumberRange};
use domain::{Error, Id, phrases, task};
use serde::{Deserialize, Serialize};

/// Parameters of an inference task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawParams {
    /// What the images show.
    pub prompt: String,
    /// What they do not show.
    pub negative_prompt: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Denoising steps.
    pub num_inference_steps: u32,
    /// Classifier-free guidance; 1 turns it off.
    pub guidance_scale: f64,
    /// One of `domain::task::SCHEDULERS`.
    pub scheduler: String,
    /// Seed of the first image; image `i` has `seed + i`.
    pub seed: u32,
    /// Number of images.
    pub n: u32,
    /// Images to start from: the first is drawn over, the others are further references. These are the addresses the
    /// user gave. A runner never fetches them: it asks the edge for image `i` at `input_path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_images: Vec<String>,
    /// Share of the start image that is drawn anew: 0 nothing, 1 everything. Only with `from_images`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// Inpainting mask: white is drawn anew, black is kept. It is image `from_images.len()` at `input_path`. Only with
    /// `from_images`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// Takes the aspect ratio of the first of `from_images` by `domain::image_size::size`. Until the runner has seen
    /// that image, width and height are both the short side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_aspect: bool,
    /// Adapters that are applied together. The file of adapter `i` is at `lora_path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<Lora>,
    /// The checkpoint to draw with, its file at `model_path`. Without one the runner's own model is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Checkpoint>,
}

impl DrawParams {
    /// Checks the ranges of `domain::task`. The edge keeps them when a task is submitted; a runner does not rely on
    /// that.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, naming the field.
    pub fn validate(&self) -> Result<(), Error> {
        let text = |name: &'static str, text: &str, min: usize| {
            let length = text.trim().chars().count();
            let clean = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
            let expected = || phrases::TEXT_OF.with([min, task::MAX_PROMPT]);
            require(name, clean && (min..=task::MAX_PROMPT).contains(&length), expected)
        };
        let int = |name, n: u32, range: IntRange| require(name, range.contains(n.into()), || range.phrase());
        let number = |name, x: f64, range: NumberRange| {
            require(name, range.contains(x), || phrases::NUMBER.with([range.min, range.max].map(|x| x.to_string())))
        };
        text("prompt", &self.prompt, 1)?;
        text("negative_prompt", &self.negative_prompt, 0)?;
        int("width", self.width, task::SIDE)?;
        int("height", self.height, task::SIDE)?;
        int("num_inference_steps", self.num_inference_steps, task::STEPS)?;
        number("guidance_scale", self.guidance_scale, task::GUIDANCE_SCALE)?;
        int("seed", self.seed, task::SEED)?;
        int("n", self.n, task::IMAGES)?;
        number("strength", self.strength.unwrap_or(0.0), task::STRENGTH)?;
        let known = task::SCHEDULERS.iter().any(|(name, _)| *name == self.scheduler);
        let names = || task::SCHEDULERS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        require("scheduler", known, || phrases::ONE_OF.with([names()]))?;
        self.loras.iter().try_for_each(|lora| number("loras", lora.weight, task::LORA_WEIGHT))
    }
}

fn require(field: &'static str, holds: bool, expected: impl Fn() -> domain::text::Phrase) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::invalid(field, expected())) }
}

/// A whole model of the edge's, one safetensors file. The file behind an id never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The edge's id.
    pub model_id: Id,
    /// Its name, for people.
    pub name: String,
    /// Bytes of the file.
    pub size: u64,
    /// Lower-case hex, where the edge knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The kind of an adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    /// Low-rank adaptation.
    #[default]
    Lora,
    /// A hypernetwork.
    Hyper,
    /// A textual inversion: a learned token.
    Ti,
}

impl AdapterKind {
    fn is_lora(&self) -> bool {
        *self == AdapterKind::Lora
    }
}

/// An adapter of the edge's: a LoRA, a hypernetwork or a textual inversion. The file behind an id never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// The edge's id.
    pub model_id: Id,
    /// Strength. Ignored for textual inversions: the prompt sets their weight.
    pub weight: f64,
    /// What the file holds.
    #[serde(rename = "type", default, skip_serializing_if = "AdapterKind::is_lora")]
    pub kind: AdapterKind,
    /// The word in prompts that stands for a textual inversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// Lower-case hex, where the edge knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The largest adapter file in bytes: a runner holds it in memory.
pub const MAX_ADAPTER_BYTES: u64 = 1 << 30;

/// The largest file of a checkpoint in bytes.
pub const MAX_CHECKPOINT_BYTES: u64 = 8 << 30;

/// `strength` where none is given.
pub const DEFAULT_STRENGTH: f64 = 0.75;

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> DrawParams {
        DrawParams {
            prompt: "a cat".into(),
            negative_prompt: String::new(),
            width: 64,
            height: 64,
            num_inference_steps: 1,
            guidance_scale: 7.5,
            scheduler: "DDIM".into(),
            seed: 0,
            n: 1,
            from_images: Vec::new(),
            strength: None,
            mask: None,
            auto_aspect: false,
            loras: Vec::new(),
            model: None,
        }
    }

    #[test]
    fn every_field_out_of_range_is_named() {
        type Change = fn(&mut DrawParams);
        let changes: [(&str, Change); 14] = [
            ("prompt", |p| p.prompt = " ".into()),
            ("prompt", |p| p.prompt = "x".repeat(4001)),
            ("prompt", |p| p.prompt = "a\u{0}b".into()),
            ("negative_prompt", |p| p.negative_prompt = "x".repeat(4001)),
            ("width", |p| p.width = 60),
            ("height", |p| p.height = 65),
            ("num_inference_steps", |p| p.num_inference_steps = 0),
            ("guidance_scale", |p| p.guidance_scale = f64::NAN),
            ("guidance_scale", |p| p.guidance_scale = 0.9),
            ("seed", |p| p.seed = u32::MAX),
            ("n", |p| p.n = 9),
            ("strength", |p| p.strength = Some(1.1)),
            ("scheduler", |p| p.scheduler = "Euler".into()),
            ("loras", |p| {
                let (kind, word, sha256) = (AdapterKind::Lora, None, None);
                p.loras = vec![Lora { model_id: 1, weight: f64::INFINITY, kind, word, size: 1, sha256 }];
            }),
        ];
        assert_eq!(params().validate(), Ok(()));
        for (field, change) in changes {
            let mut params = params();
            change(&mut params);
            let error = params.validate().unwrap_err();
            assert_eq!((error.code(), error.field.as_deref()), ("invalid_parameter", Some(field)));
        }
    }
}

//! The words of models.

use crate::Choices;

/// Types of models: LoRA, checkpoint, hypernetwork, textual inversion.
pub const TYPES: Choices = &[("lora", &["LoRA"]), ("ckp", &["checkpoint"]), ("hyper", &[]), ("ti", &[])];

/// Families of Stable Diffusion that a model is made for.
pub const BASE_MODELS: Choices = &[("SD1.5", &["SD1", "sd15"]), ("SD2", &["SD2.1", "sd2"]), ("SDXL", &["sdxl"])];

/// Characters of a name.
pub const MAX_NAME: usize = 200;

/// Characters of the trigger words.
pub const MAX_TRIGGER_WORDS: usize = 1000;

//! What a file says about itself, in the words of those who read it: `ss_…` and `sshs_…` of kohya's scripts,
//! `modelspec.…` of the Stability AI Model Metadata Standard 1.0.
//!
//! There is no date in it: the same result is the same file.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::DType;

use super::base::Base;
use super::file::{Layout, Tensors};
use crate::DrawError;
use crate::checkpoint::Kind;
use crate::train::{Examples, Plan};

pub type Texts = BTreeMap<String, String>;

pub struct About<'a> {
    pub base: &'a Base,
    /// What the result is called.
    pub title: String,
    /// Pixels that it was learnt at, along each side of a square.
    pub resolution: usize,
    pub trigger: Option<String>,
    /// More to say, such as `ss_max_train_steps`; these come last and replace what is said otherwise.
    pub facts: Texts,
}

/// The facts of a training as kohya's scripts name them: steps, number and hash of the images, learning rate, seed.
pub fn facts(plan: &Plan, examples: &dyn Examples) -> Texts {
    [
        ("ss_max_train_steps", plan.course.steps.to_string()),
        ("ss_num_train_images", examples.len().to_string()),
        ("ss_dataset_sha256", examples.fingerprint()),
        ("ss_learning_rate", plan.course.rate.peak.to_string()),
        ("ss_seed", plan.seed.to_string()),
    ]
    .map(|(key, value)| (key.to_string(), value))
    .into()
}

impl About<'_> {
    /// Of a whole model.
    pub(super) fn model(&self) -> Texts {
        self.texts("", "https://github.com/Stability-AI/generative-models")
    }

    /// Of what changes a model: `lora`, `textual-inversion`, `hypernetwork`.
    pub(super) fn adapter(&self, what: &str) -> Texts {
        let (version, _) = self.base.version();
        let mut texts = self.texts(&format!("/{what}"), "diffusers");
        let mut put = |key: &str, value: String| drop(texts.insert(key.into(), value));
        put("ss_base_model_version", version.into());
        // As Python writes it.
        put("ss_v2", if self.base.kind == Kind::Sd2 { "True" } else { "False" }.into());
        put("ss_sd_model_name", self.base.name.clone());
        put("ss_new_sd_model_hash", self.base.hash.clone());
        if let Some(short) = &self.base.short {
            put("ss_sd_model_hash", short.clone());
        }
        put("ss_output_name", self.title.clone());
        put("ss_resolution", format!("({0}, {0})", self.resolution));
        texts.extend(self.facts.clone());
        texts
    }

    fn texts(&self, adapter: &str, implementation: &str) -> Texts {
        let (_, architecture) = self.base.version();
        let mut texts = Texts::new();
        let mut put = |key: &str, value: String| drop(texts.insert(format!("modelspec.{key}"), value));
        put("sai_model_spec", "1.0.0".into());
        put("architecture", format!("{architecture}{adapter}"));
        put("implementation", implementation.into());
        put("title", self.title.clone());
        put("resolution", format!("{0}x{0}", self.resolution));
        put("prediction_type", if self.base.predicts_v { "v" } else { "epsilon" }.into());
        if let Some(trigger) = &self.trigger {
            put("trigger_phrase", trigger.clone());
        }
        texts.insert("format".into(), "pt".into());
        texts.extend(self.facts.clone());
        texts
    }
}

/// Writes a file that says its own hash.
pub(super) fn save(path: &Path, tensors: &Tensors, mut texts: Texts, dtype: DType) -> Result<(), DrawError> {
    let layout = Layout::new(tensors, dtype)?;
    let hash = layout.hash(tensors)?;
    texts.insert("modelspec.hash_sha256".into(), format!("0x{hash}"));
    if texts.contains_key("ss_base_model_version") {
        texts.insert("sshs_model_hash".into(), hash);
    }
    layout.write(path, tensors, &texts)
}

//! Training: from pictures with captions to weights. The command line and training tasks are thin callers of this.
//!
//! Owns the objective, the loop and its state on disk. What is learnt from comes as `Examples`, wherever it is made.
//!
//! `Course` is the loop over any `Learner`; `Diffusion` is the learner that a `Plan` describes, and `train` both
//! together.

mod adamw;
mod backward;
mod course;
pub mod data;
mod diffusion;
mod draws;
pub mod examples;
pub mod export;
mod hyper;
mod inplace;
mod latents;
pub(crate) mod lora;
pub mod memory;
mod networks;
mod objective;
mod overlay;
mod parameters;
mod plan;
mod rate;
pub mod samples;
mod state;
mod texts;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

pub use adamw::AdamW;
pub use backward::backward;
pub use course::{Learned, Learner, Progress};
pub use diffusion::Diffusion;
pub use draws::{Draws, Purpose, Seeded};
pub use examples::{Example, Examples};
pub use networks::check_model;
pub use overlay::Overlay;
pub use parameters::Parameters;
pub use plan::{Chain, Course, Kind, Learns, Plan, Times, Weighting};
pub use rate::{Rate, Shape};
pub use state::{FILE as STATE_FILE, Identity, State};

use crate::DrawError;
use crate::backend::Control;
use crate::pipeline::Parts;

/// Trains as planned; what was learnt, by the names that the result has. Goes on from the state where it has one.
///
/// Errors: those of loading the model, of `Diffusion::new`, and of `Course::run`.
pub fn train(
    plan: &Plan,
    parts: &dyn Parts,
    examples: &dyn Examples,
    state: Option<&State>,
    device: &Device,
    events: &mut dyn FnMut(&Progress, &Learned) -> Result<Control, DrawError>,
) -> Result<BTreeMap<String, Tensor>, DrawError> {
    let learner = Diffusion::new(plan, parts, examples, device)?;
    plan.course.run(&learner, state, device, events)
}

impl Identity {
    /// `model` tells the model from others.
    pub fn of(plan: &Plan, examples: &dyn Examples, model: &str) -> Self {
        // A plan has nothing in it that JSON has no word for: it was checked.
        let text = serde_json::to_string(plan).unwrap_or_default();
        let plan: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Self(BTreeMap::from([("plan", plan), ("examples", examples.fingerprint()), ("model", model.to_string())]))
    }
}

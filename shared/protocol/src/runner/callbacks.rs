//! The life of a task as a runner reports it: claim, progress, result, failure. Each is a signed `POST /callbacks/…`.

use domain::Id;
use serde::{Deserialize, Serialize};

use super::{DrawParams, SavedState, TrainParams};

/// The header that names the runner on signed callbacks, as `runner_id`.
pub const RUNNER_HEADER: &str = "x-runner-id";

/// The header that carries the lease when an object is put or fetched: those bodies hold no JSON.
pub const LEASE_HEADER: &str = "x-lease";

/// `POST /callbacks/claim`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The task of the hint. The edge hands out whichever task is first in line.
    pub task_id: Id,
}

/// The reply to a claim that won: the lease and the work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The task that was handed out.
    pub task_id: Id,
    /// Number of this attempt, from 1.
    pub attempt: i64,
    /// 32 hex digits; every callback repeats it.
    pub lease: String,
    /// Milliseconds the lease holds without a callback.
    pub lease_ms: i64,
    /// The work.
    #[serde(flatten)]
    pub work: Work,
    /// Where a training goes on that an earlier attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SavedState>,
}

/// What a claimed task asks for: `type` and `params`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "params", rename_all = "snake_case")]
pub enum Work {
    /// Draw images.
    Inference(DrawParams),
    /// Train a model.
    Training(TrainParams),
}

impl Claim {
    /// The parameters of an inference task; None for a training.
    pub fn draw_params(&self) -> Option<&DrawParams> {
        match &self.work {
            Work::Inference(params) => Some(params),
            Work::Training(_) => None,
        }
    }
}

/// Names a leased attempt; every callback about a task begins with these fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRef {
    /// The task.
    pub task_id: Id,
    /// As in `Claim`.
    pub attempt: i64,
    /// As in `Claim`.
    pub lease: String,
    /// Counts the callbacks of the attempt, from 1.
    pub seq: i64,
}

/// The `webhook-id` of a callback about a leased task.
pub fn callback_id(lease: &LeaseRef) -> String {
    format!("cb_{}_{}_{}", lease.task_id, lease.attempt, lease.seq)
}

/// `POST /callbacks/progress`. Extends the lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The attempt.
    #[serde(flatten)]
    pub lease: LeaseRef,
    /// Denoising or optimizer steps done.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// Predicted seconds until the end.
    pub eta_seconds: f64,
    /// Key of a preview stored under `output_prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// What happens before the first step; absent from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Loss of the last step of a training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
}

/// What a runner does before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Model files are being transferred to the runner.
    Fetching,
    /// The model is being loaded.
    Loading,
}

impl Phase {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Fetching => "fetching",
            Phase::Loading => "loading",
        }
    }
}

/// The reply to `Progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressReply {
    /// The user canceled the task: stop within one step.
    pub cancel: bool,
}

/// One stored image of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// `out/{task}/{attempt}/{32 hex}.png`
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The image's own seed.
    pub seed: u32,
    /// Verdict of the model's safety checker; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsfw: Option<bool>,
    /// `embedding_text` of the image's embedding, for similarity search. Absent where the model has no image encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<String>,
}

/// `POST /callbacks/succeeded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succeeded {
    /// The attempt.
    #[serde(flatten)]
    pub lease: LeaseRef,
    /// The images, in the order of their seeds.
    pub outputs: Vec<Output>,
}

/// `POST /callbacks/failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The attempt.
    #[serde(flatten)]
    pub lease: LeaseRef,
    /// A stable snake_case code.
    pub code: String,
    /// For people.
    pub message: String,
    /// True when another attempt may succeed.
    pub retryable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_carry_their_lease_flat() {
        let lease = LeaseRef { task_id: 1, attempt: 2, lease: "ab".into(), seq: 3 };
        let failed = Failed { lease: lease.clone(), code: "oom".into(), message: String::new(), retryable: true };
        let json = serde_json::to_value(&failed).unwrap();
        assert_eq!((&json["seq"], &json["lease"]), (&3.into(), &"ab".into()));
        assert_eq!(serde_json::from_value::<Failed>(json).unwrap(), failed);
        assert_eq!(callback_id(&lease), "cb_1_2_3");
    }
}

//! What a runner is asked to train, and what it reports of a training beside `Progress`.

use domain::Id;
use serde::{Deserialize, Serialize};

use super::{Checkpoint, LeaseRef};

/// The kind of a model, and so what a training learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Low-rank adaptation of the UNet and the text encoders.
    Lora,
    /// A checkpoint: all weights of the UNet.
    Ckp,
    /// A hypernetwork.
    Hyper,
    /// A textual inversion: vectors for a word, the first trigger word.
    Ti,
}

/// Parameters of a training task. The edge keeps the ranges of `domain::training`; a runner does not rely on that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainParams {
    /// What is learnt.
    #[serde(rename = "type")]
    pub kind: ModelKind,
    /// The name of the new model.
    pub name: String,
    /// The model to start from, its file at `model_path`. Without one the runner's own model is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Checkpoint>,
    /// Put in front of captions that lack them; the caption where there is none. Separated by commas. Empty for none.
    pub trigger_words: String,
    /// Optimizer steps, each of one batch. Either these or `epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Times that every image is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Peak learning rate; without one the usual rate of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Images in a step.
    pub batch_size: u32,
    /// Rank of a LoRA; other kinds ignore it.
    pub rank: u32,
    /// Images are learnt at about this many pixels squared; without one at the model's own size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<u32>,
    /// The same seed and images give the same file.
    pub seed: u32,
}

/// Where an attempt begins: the training state that an earlier attempt stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedState {
    /// Steps done.
    pub step: u32,
    /// Bytes of the file at `state_path`.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// One page of the images of a training: `GET /callbacks/dataset/{task}/{attempt}?after={id}`, by ascending `id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetPage {
    /// At most `DATASET_PAGE` images.
    pub images: Vec<DatasetImage>,
    /// Pass this as `after` for the next page; none after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Id>,
}

/// One image to learn from. Its file is at `dataset_image_path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetImage {
    /// Unique in the deployment. The file behind an id never changes, nor does its caption.
    pub id: Id,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// Empty where there is none.
    pub caption: String,
}

/// Images of a `DatasetPage`.
pub const DATASET_PAGE: usize = 500;

/// `POST /callbacks/upload`: begins a stored object that is too large for one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginUpload {
    /// The attempt; `seq` is 0, the call is no report.
    #[serde(flatten)]
    pub lease: LeaseRef,
    /// `out/{task}/{attempt}/{32 hex}.safetensors`
    pub key: String,
}

/// `POST /callbacks/complete`: puts the parts of an upload together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteUpload {
    /// The attempt; `seq` is 0, the call is no report.
    #[serde(flatten)]
    pub lease: LeaseRef,
    /// As in `BeginUpload`.
    pub key: String,
    /// In the order of their numbers, from 1.
    pub parts: Vec<UploadedPart>,
}

/// The reply to `PUT /callbacks/part/{task}/{attempt}/{name}/{number}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    /// From 1.
    pub number: u16,
    /// The object store's name for the part.
    pub etag: String,
}

/// Bytes of every part of an upload but the last, which may be smaller.
pub const PART_BYTES: u64 = 16 << 20;

/// `POST /callbacks/state`: the training state of an attempt was stored. It replaces the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredState {
    /// The attempt.
    #[serde(flatten)]
    pub lease: LeaseRef,
    /// Key of the stored object.
    pub key: String,
    /// The state.
    #[serde(flatten)]
    pub state: SavedState,
}

/// `POST /callbacks/trained`: the result of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// The attempt.
    #[serde(flatten)]
    pub lease: LeaseRef,
    /// Key of the stored safetensors file.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// Steps done.
    pub steps: u32,
    /// Times that every image was shown, rounded down.
    pub epochs: u32,
    /// Family of the model: `SD1.5`, `SD2` or `SDXL`.
    pub base_model: String,
    /// Key of a stored image that was drawn with the new model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_carry_lease_and_state_flat() {
        let lease = LeaseRef { task_id: 1, attempt: 2, lease: "ab".into(), seq: 3 };
        let state = SavedState { step: 4, size: 5, sha256: "cd".into() };
        let stored = StoredState { lease, key: "k".into(), state };
        let json = serde_json::to_value(&stored).unwrap();
        assert_eq!((&json["seq"], &json["step"], &json["key"]), (&3.into(), &4.into(), &"k".into()));
        assert_eq!(serde_json::from_value::<StoredState>(json).unwrap(), stored);
    }
}

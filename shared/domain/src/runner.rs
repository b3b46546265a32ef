//! What the edge and a runner say to each other (API.md §5), as serde types shared by both ends.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::Id;

/// The body of a queue message: only a hint, the database row is the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    pub task_id: Id,
}

/// `POST /api/servers/register`, with the deployment's registration token as bearer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    pub name: String,
    /// `inference` or `training`.
    #[serde(rename = "type")]
    pub kind: String,
    pub gpu: String,
    /// Bytes of memory the models may use.
    pub memory: i64,
    pub version: String,
    /// Names of the models it can draw with.
    pub models: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Registered {
    pub id: Id,
    /// `runner_id(id, epoch)`: what the runner sends in `x-runner-id` on signed callbacks, never the bare id, so that
    /// the edge can derive the secret before it asks the database.
    pub runner_id: String,
    /// Bearer for `/api/servers/{id}/heartbeat`; a JWT of the runners' audience.
    pub token: String,
    /// Signs the callbacks; `whsec_…`.
    pub secret: String,
}

/// `POST /api/servers/{id}/heartbeat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// One of `starting`, `idle`, `working`, `stopping`.
    pub status: String,
    /// Names of the models it can draw with, as in `Register`.
    pub models: Vec<String>,
    /// What is in its memory now, of these and of the edge's.
    #[serde(default)]
    pub loaded: Vec<Loaded>,
}

/// A model in a runner's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    pub name: String,
    /// Bytes its weights take.
    pub memory: u64,
    /// Which of the edge's models it is, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<Id>,
}

/// `POST /callbacks/claim`. The task is the one the hint named; the edge hands out whichever waits in front.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    pub task_id: Id,
}

/// The answer to a claim that won: the lease and the work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub task_id: Id,
    pub attempt: i64,
    /// 32 hex digits; every callback repeats it.
    pub lease: String,
    /// How long the lease holds without a word from the runner, in milliseconds.
    pub lease_ms: i64,
    pub params: DrawParams,
}

/// What to draw. Ranges are those of `task::INFERENCE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawParams {
    pub prompt: String,
    pub negative_prompt: String,
    pub width: u32,
    pub height: u32,
    pub num_inference_steps: u32,
    pub guidance_scale: f64,
    pub scheduler: String,
    pub seed: u32,
    pub n: u32,
    /// Pictures to start from: the first is what is drawn over, the others are further references. Addresses as the
    /// user gave them; a runner never fetches those, it asks the edge for picture `i` at `input_path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_images: Vec<String>,
    /// How much of the start picture is drawn anew: 0 nothing, 1 everything. Only with `from_images`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// What of the start picture is drawn anew: white all, black nothing. Picture `from_images.len()` at `input_path`.
    /// Only with `from_images`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// The picture's shape follows the first of `from_images`, as `aspect::size` has it; until that is seen, width and
    /// height are the short side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_aspect: bool,
    /// Changes of the model that are applied together. A runner asks the edge for the file of the i-th at `lora_path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<Lora>,
    /// What to draw with, its file at `model_path`; without it the runner's own model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Checkpoint>,
}

/// A whole model of the edge's, as one file in safetensors. The file behind an id never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub model_id: Id,
    /// As its owner calls it.
    pub name: String,
    /// Bytes of the file.
    pub size: u64,
    /// Lower-case hex, where the edge knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What a model changes in another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    #[default]
    Lora,
    /// A hypernetwork.
    Hyper,
    /// A word learned by textual inversion.
    Ti,
}

impl AdapterKind {
    fn is_lora(&self) -> bool {
        *self == AdapterKind::Lora
    }
}

/// A LoRA of the edge's models, or what else changes a model. The file behind an id never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    pub model_id: Id,
    /// How much of it is applied. Of a learned word prompts say that.
    pub weight: f64,
    #[serde(rename = "type", default, skip_serializing_if = "AdapterKind::is_lora")]
    pub kind: AdapterKind,
    /// What stands for a learned word in prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// Lower-case hex, where the edge knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Bytes of the largest file of a LoRA: a runner has it in memory.
pub const MAX_LORA: u64 = 1 << 30;

/// What `strength` is when nobody says.
pub const STRENGTH: f64 = 0.75;

/// `GET` here, signed like a `PUT` of a result (`webhook-id: get_{path}`, empty body, lease in `LEASE_HEADER`): picture
/// `index` of `DrawParams::from_images`, or behind the last of them its `mask`: PNG, JPEG or WebP.
pub fn input_path(task: Id, attempt: i64, index: usize) -> String {
    format!("in/{task}/{attempt}/{index}")
}

/// `GET` here, signed in the same way: the file of `DrawParams::loras[index]`, in safetensors. Takes `Range`.
pub fn lora_path(task: Id, attempt: i64, index: usize) -> String {
    format!("lora/{task}/{attempt}/{index}")
}

/// `GET` here, signed in the same way: the file of `DrawParams::model`, in safetensors. Takes `Range`.
pub fn model_path(task: Id, attempt: i64) -> String {
    format!("model/{task}/{attempt}")
}

/// Every callback about a held task begins with these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub task_id: Id,
    pub attempt: i64,
    pub lease: String,
    /// Grows by one with each callback of an attempt, from 1.
    pub seq: i64,
}

/// `POST /callbacks/progress`. Also the heartbeat of the lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    #[serde(flatten)]
    pub held: Held,
    pub step: u32,
    pub steps: u32,
    pub eta_seconds: f64,
    /// Key of a preview stored under `out/{task}/{attempt}/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// What is done before the first step; absent while it draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The files of its models are on their way to the runner.
    Fetching,
    /// The model is being loaded.
    Loading,
}

impl Phase {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Fetching => "fetching",
            Phase::Loading => "loading",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressReply {
    /// The user cancelled: stop within one step.
    pub cancel: bool,
}

/// One stored picture of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// `out/{task}/{attempt}/{32 hex}.png`
    pub key: String,
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
    pub width: u32,
    pub height: u32,
    pub seed: u32,
    /// What the model's own safety checker says; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsfw: Option<bool>,
    /// What the picture shows, for finding similar ones: `embedding_text` of a vector of unit length. Absent where the
    /// model has no image encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<String>,
}

/// Numbers of the longest embedding.
pub const MAX_EMBEDDING: usize = 1024;

/// Base64 of the numbers, in single precision, the lowest byte first.
pub fn embedding_text(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// The vector of an `embedding_text`, if it is one of unit length.
pub fn embedding_vector(text: &str) -> Option<Vec<f32>> {
    if text.len() > (4 * MAX_EMBEDDING).div_ceil(3) * 4 {
        return None;
    }
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    let length: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
    // Not a number is not near 1 either.
    (rest.is_empty() && vector.len() <= MAX_EMBEDDING && (length - 1.0).abs() < 1e-3).then_some(vector)
}

/// `POST /callbacks/succeeded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succeeded {
    #[serde(flatten)]
    pub held: Held,
    pub outputs: Vec<Output>,
}

/// `POST /callbacks/failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    #[serde(flatten)]
    pub held: Held,
    /// A stable snake_case code.
    pub code: String,
    pub message: String,
    pub retryable: bool,
}

/// The `webhook-id` of a callback about a held task.
pub fn callback_id(held: &Held) -> String {
    format!("cb_{}_{}_{}", held.task_id, held.attempt, held.seq)
}

/// Where an attempt's objects live.
pub fn output_prefix(task: Id, attempt: i64) -> String {
    format!("out/{task}/{attempt}/")
}

/// True for `out/{task}/{attempt}/{32 hex}.png`: names a runner may store under this attempt.
pub fn is_output_key(key: &str, task: Id, attempt: i64) -> bool {
    key.strip_prefix(&output_prefix(task, attempt))
        .and_then(|name| name.strip_suffix(".png"))
        .is_some_and(crate::id::is_token)
}

/// The header that names the runner on signed callbacks: `runner_id(server, epoch)`.
pub const RUNNER_HEADER: &str = "x-runner-id";

/// Carries the lease when an object is put, as its body is the object itself.
pub const LEASE_HEADER: &str = "x-lease";

/// `{server}.{epoch}`
pub fn runner_id(server: Id, epoch: i64) -> String {
    format!("{server}.{epoch}")
}

/// The server and epoch of a `runner_id`.
pub fn parse_runner_id(text: &str) -> Option<(Id, i64)> {
    let (server, epoch) = text.split_once('.')?;
    Some((crate::id::parse(server)?, crate::id::parse(epoch)?))
}

/// Binds a runner's derived secrets to its registration: registering again ends the earlier ones.
pub fn secret_purpose(server: Id, epoch: i64) -> String {
    format!("callback:{server}:{epoch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_keys() {
        let key = format!("out/7/2/{}.png", "0f".repeat(16));
        assert!(is_output_key(&key, 7, 2));
        assert!(!is_output_key(&key, 7, 1));
        assert!(!is_output_key("out/7/2/../../x.png", 7, 2));
        assert!(!is_output_key(&key.replace(".png", ".PNG"), 7, 2));
    }

    #[test]
    fn embeddings_are_of_unit_length() {
        for length in [1, 3, MAX_EMBEDDING] {
            let vector = vec![(1.0 / length as f32).sqrt(); length];
            assert_eq!(embedding_vector(&embedding_text(&vector)), Some(vector));
        }
        let long = vec![(1.0 / 1025f32).sqrt(); MAX_EMBEDDING + 1];
        for vector in [&[][..], &[0.0], &[2.0], &[f32::NAN], &[f32::INFINITY], &[1.0, f32::NAN], &long] {
            assert_eq!(embedding_vector(&embedding_text(vector)), None);
        }
        for text in ["", "AACAPw", "AACAPw==x", "AACAPwA=", "!", &"A".repeat(1 << 20)] {
            assert_eq!(embedding_vector(text), None, "{:.20}", text);
        }
        assert_eq!(embedding_vector("AACAPw=="), Some(vec![1.0]));
    }

    #[test]
    fn runner_ids() {
        assert_eq!(parse_runner_id(&runner_id(7, 3)), Some((7, 3)));
        for bad in ["7", "7.", ".3", "7.0", "x.1", "7.3.1"] {
            assert_eq!(parse_runner_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn callbacks_carry_their_lease_flat() {
        let held = Held { task_id: 1, attempt: 2, lease: "ab".into(), seq: 3 };
        let failed = Failed { held: held.clone(), code: "oom".into(), message: String::new(), retryable: true };
        let json = serde_json::to_value(&failed).unwrap();
        assert_eq!(json["seq"], 3);
        assert_eq!(callback_id(&held), "cb_1_2_3");
    }
}

//! What the edge and a runner send each other (docs/API.md §5).

mod callbacks;
mod draw_params;
mod embedding;
mod paths;
mod registration;

pub use callbacks::{
    Claim, ClaimRequest, Failed, LEASE_HEADER, LeaseRef, Output, Phase, Progress, ProgressReply, RUNNER_HEADER,
    Succeeded, callback_id,
};
pub use draw_params::{AdapterKind, Checkpoint, DEFAULT_STRENGTH, DrawParams, Lora, MAX_ADAPTER_BYTES};
pub use embedding::{MAX_EMBEDDING, embedding_text, embedding_vector};
pub use paths::{input_path, is_output_key, lora_path, model_path, output_prefix};
pub use registration::{
    Heartbeat, Hint, LoadedModel, Register, Registered, parse_runner_id, runner_id, secret_purpose,
};

//! What the edge and a runner send each other (docs/API.md §5).

mod callbacks;
mod draw_params;
mod embedding;
mod paths;
mod registration;
mod training;

pub use callbacks::{
    Claim, ClaimRequest, Failed, LEASE_HEADER, LeaseRef, Output, Phase, Progress, ProgressReply, RUNNER_HEADER,
    Succeeded, Work, callback_id,
};
pub use draw_params::{
    AdapterKind, Checkpoint, DEFAULT_STRENGTH, DrawParams, Lora, MAX_ADAPTER_BYTES, MAX_CHECKPOINT_BYTES,
};
pub use embedding::{MAX_EMBEDDING, embedding_text, embedding_vector};
pub use paths::{
    dataset_image_path, dataset_path, input_path, is_model_key, is_output_key, lora_path, model_path, output_prefix,
    part_path, state_path,
};
pub use registration::{
    Heartbeat, Hint, LoadedModel, Register, Registered, parse_runner_id, runner_id, secret_purpose,
};
pub use training::{
    BeginUpload, CompleteUpload, DATASET_PAGE, DatasetImage, DatasetPage, ModelKind, PART_BYTES, SavedState,
    StoredState, TrainParams, Trained, UploadedPart,
};

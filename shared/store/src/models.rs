//! Conditions on a row of models `t` that several functions share.

/// The caller may see and use the model.
pub const VISIBLE: &str = crate::spec::PUBLIC_OR_OWN;

/// It is a checkpoint that can be drawn with.
pub const CHECKPOINT_READY: &str = "t.type = 'ckp' AND t.status = 'success'";

/// It is an adapter that can be applied: a LoRA, hypernetwork or textual inversion.
pub const ADAPTER_READY: &str = "t.type IN ('lora', 'hyper', 'ti') AND t.status = 'success'";

/// `protocol::runner::Checkpoint` of the model, as JSON.
pub const CHECKPOINT: &str = "json_object('model_id', t.id, 'name', t.name, 'size', t.size, 'sha256', t.sha256)";

//! Models as several functions see them: who may use one, for a row of models `t`.

/// The condition that the caller may see and use the model.
pub const VISIBLE: &str = "(t.public = 1 OR t.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1)";

/// It is a whole model, and a task can be drawn with it.
pub const WHOLE: &str = "t.type = 'ckp' AND t.status = 'success'";

/// What a runner is told of one, `domain::runner::Checkpoint`.
pub const CHECKPOINT: &str = "json_object('model_id', t.id, 'name', t.name, 'size', t.size, 'sha256', t.sha256)";

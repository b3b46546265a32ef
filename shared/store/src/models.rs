//! Models as several functions see them: who may use one, for a row of models `t`.

/// The condition that the caller may see and use the model.
pub const VISIBLE: &str = "(t.public = 1 OR t.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1)";

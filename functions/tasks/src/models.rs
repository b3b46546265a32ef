//! The LoRAs of a task: each is a model the caller may use, and what runners need to know of it is settled at submission,
//! in the batch that inserts the task.

use domain::messages::{INVALID_PARAMETER, MODEL_NOT_READY, NOT_FOUND};
use domain::{Error, error::Arg};
use ports::{Sql, Stmt};
use store::Scope;
use store::models::VISIBLE;

/// Can be applied, as a condition on a model `t`.
const READY: &str = "t.type = 'lora' AND t.status = 'success'";

/// Those in the list `?3` for which there is no model that fulfils a condition.
fn without(condition: &str) -> String {
    format!(
        "FROM json_each(?3) l WHERE NOT EXISTS \
         (SELECT 1 FROM models t WHERE t.id = json_extract(l.value, '$.model_id') AND {condition})"
    )
}

/// Fails the batch with `not_found` unless the caller sees all these models, with `conflict` unless each can be applied.
/// `list` is a JSON array of `{model_id, …}`.
pub fn usable(scope: Scope, list: &str) -> [Stmt; 2] {
    [("not_found", VISIBLE), ("conflict", READY)].map(|(code, condition)| {
        scope.stmt(
            format!("INSERT INTO guard SELECT '{code}', NOT EXISTS (SELECT 1 {})", without(condition)),
            [list.into()],
        )
    })
}

/// Writes size and hash of each into the task of this nonce, which was just inserted.
pub fn settle(scope: Scope, nonce: &str) -> Stmt {
    scope.stmt(
        "UPDATE tasks SET params = json_set(params, '$.loras', json((SELECT json_group_array(json_object( \
         'model_id', s.id, 'weight', s.weight, 'size', s.size, 'sha256', s.sha256)) FROM ( \
         SELECT m.id, json_extract(l.value, '$.weight') AS weight, m.size, m.sha256 FROM json_each(tasks.params, '$.loras') l \
         JOIN models m ON m.id = json_extract(l.value, '$.model_id') ORDER BY l.key) s))) WHERE nonce = ?3",
        [nonce.into()],
    )
}

/// Says of which one the error is that a submission failed with; this costs a batch, but only then.
pub async fn named(sql: &dyn Sql, scope: Scope, list: &str, error: Error) -> Error {
    let condition = match error.code() {
        code if code == NOT_FOUND.code => VISIBLE,
        code if code == MODEL_NOT_READY.code => READY,
        _ => return error,
    };
    let first = scope.stmt(format!("SELECT min(l.key) AS at {}", without(condition)), [list.into()]);
    let rows = sql.run(vec![first]).await.unwrap_or_default();
    let at = rows.first().and_then(|rows| rows.first()).and_then(|row| row.int("at"));
    // It may have changed since.
    let field = at.map_or_else(|| "loras".to_string(), |at| format!("loras[{at}]"));
    if condition == READY {
        return error.field(field);
    }
    let [en, hant, hans] = ["a model you may use", "您可使用的模型", "您可使用的模型"].map(String::from);
    INVALID_PARAMETER.on(field.clone()).arg(field).phrase(Arg::Phrase { en, hant, hans })
}

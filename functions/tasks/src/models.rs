//! The models a task names: each is one the caller may use for this, and what runners need to know of it is settled at
//! submission, in the batch that inserts the task.

use domain::messages::{INVALID_PARAMETER, MODEL_NOT_READY, NOT_FOUND};
use domain::runner::{Checkpoint, Lora};
use domain::{Error, error::Arg};
use ports::{Sql, Stmt};
use serde_json::json;
use store::Scope;
use store::models::{CHECKPOINT, VISIBLE, WHOLE};

/// Models that are named for the same use.
pub struct Named {
    /// A JSON array of `{model_id, …}`.
    list: String,
    of: Use,
}

#[derive(Clone, Copy)]
enum Use {
    /// `model_id`: what it is drawn with.
    Whole,
    /// `loras`: what changes that.
    Changes,
}

impl Named {
    /// Those of a task, as it was sent.
    pub fn of(model: Option<&Checkpoint>, loras: &[Lora]) -> Vec<Named> {
        let whole = model.map(|model| Named { list: json!([model]).to_string(), of: Use::Whole });
        let changes = (!loras.is_empty()).then(|| Named { list: json!(loras).to_string(), of: Use::Changes });
        whole.into_iter().chain(changes).collect()
    }

    /// Fails the batch with `not_found` unless the caller sees all these models, with `conflict` unless each is ready.
    pub fn usable(&self, scope: Scope) -> [Stmt; 2] {
        [("not_found", VISIBLE), ("conflict", self.of.ready())].map(|(code, condition)| {
            scope.stmt(
                format!("INSERT INTO guard SELECT '{code}', NOT EXISTS (SELECT 1 {})", without(condition)),
                [self.list.as_str().into()],
            )
        })
    }

    /// Writes what a runner needs to know of them into the task of this nonce, which was just inserted.
    pub fn settle(&self, scope: Scope, nonce: &str) -> Stmt {
        scope.stmt(self.of.settled(), [nonce.into()])
    }
}

impl Use {
    /// Can be used so, as a condition on a model `t`.
    fn ready(self) -> &'static str {
        match self {
            Use::Whole => WHOLE,
            Use::Changes => "t.type IN ('lora', 'hyper', 'ti') AND t.status = 'success'",
        }
    }

    /// Writes them into the task `?3` as `domain::runner` has them.
    fn settled(self) -> String {
        let models = match self {
            Use::Whole => format!(
                "'$.model', json((SELECT {CHECKPOINT} FROM models t WHERE t.id = json_extract(tasks.params, '$.model.model_id')))"
            ),
            // A word is learned as what its owner says that triggers it.
            Use::Changes => "'$.loras', json((SELECT json_group_array(json(json_patch( \
                 json_object('model_id', s.id, 'weight', s.weight, 'size', s.size, 'sha256', s.sha256), \
                 json_object('type', nullif(s.type, 'lora'), 'word', iif(s.type = 'ti', coalesce(nullif(s.trigger_words, ''), s.name), NULL)) \
                 ))) FROM (SELECT m.*, json_extract(l.value, '$.weight') AS weight FROM json_each(tasks.params, '$.loras') l \
                 JOIN models m ON m.id = json_extract(l.value, '$.model_id') ORDER BY l.key) s))"
                .into(),
        };
        format!("UPDATE tasks SET params = json_set(params, {models}) WHERE nonce = ?3")
    }

    /// What the caller sent the one at `at` as.
    fn field(self, at: Option<i64>) -> String {
        match (self, at) {
            (Use::Whole, _) => "model_id".into(),
            (Use::Changes, Some(at)) => format!("loras[{at}]"),
            // It may have changed since.
            (Use::Changes, None) => "loras".into(),
        }
    }
}

/// Those in the list `?3` for which there is no model that fulfils a condition.
fn without(condition: &str) -> String {
    format!(
        "FROM json_each(?3) l WHERE NOT EXISTS \
         (SELECT 1 FROM models t WHERE t.id = json_extract(l.value, '$.model_id') AND {condition})"
    )
}

/// Says of which one the error is that a submission failed with; this costs a batch, but only then.
pub async fn named(sql: &dyn Sql, scope: Scope, models: &[Named], error: Error) -> Error {
    let unseen = error.code() == NOT_FOUND.code;
    if models.is_empty() || !unseen && error.code() != MODEL_NOT_READY.code {
        return error;
    }
    let first = |named: &Named| {
        let condition = if unseen { VISIBLE } else { named.of.ready() };
        scope.stmt(format!("SELECT min(l.key) AS at {}", without(condition)), [named.list.as_str().into()])
    };
    let rows = sql.run(models.iter().map(first).collect()).await.unwrap_or_default();
    let found = models.iter().zip(&rows).find_map(|(named, rows)| Some((named, rows.first()?.int("at")?)));
    let field = match (found, models) {
        (Some((named, at)), _) => named.of.field(Some(at)),
        (None, [named, ..]) => named.of.field(None),
        (None, []) => return error,
    };
    if !unseen {
        return error.field(field);
    }
    let [en, hant, hans] = ["a model you may use", "您可使用的模型", "您可使用的模型"].map(String::from);
    INVALID_PARAMETER.on(field.clone()).arg(field).phrase(Arg::Phrase { en, hant, hans })
}

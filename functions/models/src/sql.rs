//! The SQL of changes to models; `store::models` has what is shown of them.

use domain::messages::TASK_ENDED;
use domain::popularity;
use store::tasks::{self, News};
use store::{StmtIndex, Tx, args, models};

use crate::model::ModelPatch;

/// The model that the transaction has just made.
pub const NEWEST_OWN: &str = "t.id = (SELECT max(id) FROM models WHERE user_id = :me)";

const BY_ID: &str = "id = :id";

pub fn update(tx: &mut Tx, id: i64, patch: &ModelPatch) {
    tx.exec(
        "UPDATE models SET name = coalesce(:name, name), trigger_words = coalesce(:trigger_words, trigger_words), \
         public = coalesce(:public, public), updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name: &patch.name, trigger_words: &patch.trigger_words, public: patch.public },
    );
    models::index(tx, BY_ID, args! { id }, patch.name.as_deref(), patch.trigger_words.as_deref());
    if let Some(names) = &patch.tags {
        models::set_tags(tx, BY_ID, args! { id }, names);
    }
}

/// Fails the transaction with `task_ended` unless the model is being trained.
pub fn require_training(tx: &mut Tx, id: i64) {
    let unfinished = "EXISTS (SELECT 1 FROM tasks WHERE model_id = :id AND finished_at IS NULL)";
    tx.guard(&TASK_ENDED, unfinished, args! { id });
}

/// Deletes a model, and ends its training. A trigger deletes its file through the outbox.
pub fn delete(tx: &mut Tx, id: i64) -> News {
    let training = "SELECT id FROM tasks WHERE model_id = :id AND finished_at IS NULL";
    tasks::discard_objects(tx, training, args! { id });
    tasks::end_at_once(tx, "model_id = :id", args! { id });
    let news = News::of_end(tx, "t.model_id = :id", args! { id });
    tx.exec("DELETE FROM models WHERE id = :id", args! { id });
    news
}

/// Yields the `key` of the file of a model that the caller sees. Counts one download more when `counts`.
pub fn download(tx: &mut Tx, id: i64, counts: bool) -> StmtIndex {
    tx.exec(
        format!(
            "UPDATE models AS t SET downloads = downloads + :downloads, hot = hot + :weight \
             WHERE id = :id AND key IS NOT NULL AND {} RETURNING key",
            models::VISIBLE
        ),
        args! { id, downloads: counts, weight: if counts { popularity::weight(tx.scope.now) } else { 0.0 } },
    )
}

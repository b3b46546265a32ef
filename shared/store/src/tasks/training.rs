//! What is special about trainings: the images they read, the states they store on the way, and their result, which
//! makes a model. To be added after `require_lease`.

use domain::messages::WRONG_OUTPUTS;
use domain::task_errors::DATASET_UNAVAILABLE;
use protocol::runner::{DATASET_PAGE, SavedState, StoredState, Trained};

use super::end::PREVIEWS_KEPT_MS;
use crate::tx::{StmtIndex, Tx};
use crate::{args, outbox};

/// The condition that the training `:task_id` reads a row `i` of `dataset_images`: those that were there when it was
/// submitted, also where they were removed since.
const READ: &str = "i.dataset_id = (SELECT dataset_id FROM tasks WHERE id = :task_id) \
    AND i.created_at <= (SELECT created_at FROM tasks WHERE id = :task_id) \
    AND (i.removed_at IS NULL OR i.removed_at > (SELECT created_at FROM tasks WHERE id = :task_id))";

/// Lets the trainings begin that waited for the images of a dataset, once all are stored, or ends them where one could
/// not be. Marks them with `nonce`. An unfinished training reads the images that were there at its submission.
pub fn dataset_settled(tx: &mut Tx, dataset_id: i64, nonce: &str) {
    let any = |status: &str| {
        format!(
            "EXISTS (SELECT 1 FROM dataset_images i WHERE i.dataset_id = :dataset_id AND i.status = '{status}' \
             AND i.created_at <= tasks.created_at AND (i.removed_at IS NULL OR i.removed_at > tasks.created_at))"
        )
    };
    let (pending, failed) = (any("pending"), any("failed"));
    tx.exec(
        format!(
            "UPDATE tasks SET status = 'error', error_code = :code, error_message = :message, finished_at = :now, \
             updated_at = :now, seq = seq + 1, nonce = :nonce \
             WHERE dataset_id = :dataset_id AND finished_at IS NULL AND status = 'initial' AND {failed}"
        ),
        args! { dataset_id, nonce, code: DATASET_UNAVAILABLE.code, message: DATASET_UNAVAILABLE.text.en },
    );
    tx.exec(
        format!(
            "UPDATE tasks SET status = 'waiting', not_before = :now, hinted_at = :now, updated_at = :now, seq = seq + 1, \
             nonce = :nonce \
             WHERE dataset_id = :dataset_id AND finished_at IS NULL AND status = 'initial' AND NOT {pending}"
        ),
        args! { dataset_id, nonce },
    );
    outbox::hints(tx, "t.nonce = :nonce AND t.dataset_id = :dataset_id", args! { nonce, dataset_id });
}

/// Fails the transaction with `wrong_outputs` unless the task is a training whose model still exists.
pub fn require_training(tx: &mut Tx, task_id: i64) {
    tx.guard(
        &WRONG_OUTPUTS,
        "EXISTS (SELECT 1 FROM tasks t JOIN models m ON m.id = t.model_id WHERE t.id = :task_id)",
        args! { task_id },
    );
}

/// Yields `id`, `size`, `sha256` and `caption` of the images of a training, by ascending id after `after`; one more
/// than a page where there are more.
pub fn dataset_page(tx: &mut Tx, task_id: i64, after: i64) -> StmtIndex {
    tx.exec(
        format!(
            "SELECT i.id, i.size, i.sha256, i.caption FROM dataset_images i \
             WHERE {READ} AND i.id > :after AND i.status = 'ready' ORDER BY i.id LIMIT :limit"
        ),
        args! { task_id, after, limit: DATASET_PAGE as i64 + 1 },
    )
}

/// Yields `key` and `size` of the file of an image that the training reads, or no row.
pub fn dataset_image(tx: &mut Tx, task_id: i64, image_id: i64) -> StmtIndex {
    tx.exec(
        format!("SELECT i.key, i.size FROM dataset_images i WHERE i.id = :image_id AND {READ}"),
        args! { task_id, image_id },
    )
}

/// Yields `key` and `size` of the state that an earlier attempt stored, or no row.
pub fn stored_state(tx: &mut Tx, task_id: i64) -> StmtIndex {
    tx.exec("SELECT key, size FROM training_states WHERE task_id = :task_id", args! { task_id })
}

/// Remembers the upload of an object in parts, so that it is aborted if the task ends before.
pub fn begin_upload(tx: &mut Tx, task_id: i64, key: &str, multipart: &str) {
    tx.exec(
        "INSERT INTO task_objects (key, task_id, multipart, created_at) VALUES (:key, :task_id, :multipart, :now)",
        args! { key, task_id, multipart },
    );
}

/// Yields the `multipart` of an upload that is not complete, or no row.
pub fn upload(tx: &mut Tx, task_id: i64, key: &str) -> StmtIndex {
    tx.exec(
        "SELECT multipart FROM task_objects WHERE key = :key AND task_id = :task_id AND multipart IS NOT NULL",
        args! { key, task_id },
    )
}

/// Records that an upload is complete.
pub fn complete_upload(tx: &mut Tx, key: &str) {
    tx.exec("UPDATE task_objects SET multipart = NULL WHERE key = :key", args! { key });
}

/// Replaces the state of a training, and gives it attempts anew: a training that gets on is never `poison`.
pub fn store_state(tx: &mut Tx, stored: &StoredState, lease_ms: i64) {
    let StoredState { lease, key, state: SavedState { step, size, sha256 } } = stored;
    let task_id = lease.task_id;
    let replaced = "SELECT key FROM training_states WHERE task_id = :task_id AND key <> :key";
    outbox::delete_blobs(tx, replaced, args! { task_id, key });
    tx.exec(format!("DELETE FROM task_objects WHERE key = ({replaced})"), args! { task_id, key });
    tx.exec(
        "INSERT INTO training_states (task_id, key, size, sha256, step, created_at) \
         VALUES (:task_id, :key, :size, :sha256, :step, :now) ON CONFLICT (task_id) DO UPDATE SET key = excluded.key, \
         size = excluded.size, sha256 = excluded.sha256, step = excluded.step, created_at = excluded.created_at",
        args! { task_id, key, size: *size as i64, sha256, step: i64::from(*step) },
    );
    tx.exec(
        "UPDATE tasks SET max_attempts = attempt + :more, lease_until = :now + :lease_ms, \
         last_seq = max(last_seq, :seq), updated_at = :now WHERE id = :task_id",
        args! { task_id, lease_ms, seq: lease.seq, more: domain::task::MAX_ATTEMPTS },
    );
}

/// Ends a training with its result, the file of its model.
pub fn trained(tx: &mut Tx, trained: &Trained) {
    let Trained { lease, key, size, sha256, steps, epochs, base_model, image } = trained;
    let task_id = lease.task_id;
    tx.exec(
        "UPDATE models SET status = 'success', progress = 100, key = :key, size = :size, sha256 = :sha256, \
         steps = :steps, epochs = :epochs, base_model = :base_model, image_key = :image, \
         image = '/files/' || :image, server_id = (SELECT server_id FROM tasks WHERE id = :task_id), \
         updated_at = max(:now, updated_at + 1) WHERE id = (SELECT model_id FROM tasks WHERE id = :task_id)",
        args! {
            task_id,
            key,
            size: *size as i64,
            sha256,
            steps: i64::from(*steps),
            epochs: i64::from(*epochs),
            base_model,
            image,
        },
    );
    tx.exec(
        "UPDATE tasks SET status = 'success', progress = 100, lease = NULL, lease_until = NULL, last_seq = :seq, \
         seq = seq + 1, finished_at = :now, updated_at = :now, data = json_patch('{}', json_object(\
         'model_id', model_id, 'image_url', '/files/' || :image)) WHERE id = :task_id",
        args! { task_id, seq: lease.seq, image },
    );
    let left = "task_id = :task_id AND key <> :key AND key IS NOT :image";
    outbox::delete_uploads(
        tx,
        PREVIEWS_KEPT_MS,
        &format!("SELECT key, multipart FROM task_objects WHERE {left}"),
        args! { task_id, key, image },
    );
    tx.exec("DELETE FROM task_objects WHERE task_id = :task_id", args! { task_id });
    tx.exec("DELETE FROM training_states WHERE task_id = :task_id", args! { task_id });
}

//! Ends without a result, and second chances: failures, lost leases, deadlines, cancellation, lost hints.

use domain::task::backoff;
use domain::task_errors::{CANCELED, POISON, TIMEOUT};
use protocol::runner::Failed;

use super::News;
use crate::query::Arg;
use crate::tx::Tx;
use crate::{args, outbox};

/// Milliseconds the last previews are kept after the end, so that a page that still shows one can load it.
pub(super) const PREVIEWS_KEPT_MS: u32 = 60_000;

/// Milliseconds after which a hint counts as lost.
const HINT_LOST_MS: i64 = 60_000;

/// Ends an attempt without a result: the task waits again if `:retryable` and attempts are left, else it ends with
/// `:error_code` and `:error_message`, or as canceled.
const RELEASE: &str = "\
    status = iif(:retryable AND attempt < max_attempts AND cancel_requested = 0, 'waiting', 'error'), \
    finished_at = iif(:retryable AND attempt < max_attempts AND cancel_requested = 0, NULL, :now), \
    error_code = iif(cancel_requested = 1, :canceled_code, \
    iif(:retryable AND attempt < max_attempts, NULL, :error_code)), \
    error_message = iif(cancel_requested = 1, :canceled_message, \
    iif(:retryable AND attempt < max_attempts, NULL, :error_message)), \
    lease = NULL, lease_until = NULL, \
    progress = 0, data = '{}', seq = seq + 1, hinted_at = :now, updated_at = :now";

/// The arguments of `RELEASE`.
fn release(retryable: bool, error_code: &str, error_message: &str) -> Vec<Arg> {
    args! {
        retryable,
        error_code,
        error_message,
        canceled_code: CANCELED.code,
        canceled_message: CANCELED.text.en,
    }
}

/// Ends a failed attempt; a task that may be tried again waits for its back-off. To be added after `require_lease`.
pub fn fail(tx: &mut Tx, failed: &Failed) {
    let task_id = failed.lease.task_id;
    let error = release(failed.retryable, &failed.code, &failed.message);
    tx.exec(
        format!("UPDATE tasks SET {RELEASE}, not_before = :now + :backoff WHERE id = :task_id"),
        error.into_iter().chain(args! { task_id, backoff: backoff(failed.lease.attempt) }),
    );
    outbox::hints(tx, "t.id = :task_id", args! { task_id });
    discard_objects(tx, "SELECT id FROM tasks WHERE id = :task_id AND status = 'error'", args! { task_id });
}

/// Ends all attempts whose lease ran out, and marks their tasks with `nonce`. There is no back-off: the lease was one.
pub fn expire(tx: &mut Tx, nonce: &str) {
    let error = release(true, POISON.code, POISON.text.en);
    tx.exec(
        format!("UPDATE tasks SET {RELEASE}, nonce = :nonce WHERE status = 'running' AND lease_until <= :now"),
        error.into_iter().chain(args! { nonce }),
    );
    outbox::hints(tx, "t.nonce = :nonce", args! { nonce });
}

/// Ends all tasks whose deadline has passed, and marks them with `nonce`.
pub fn time_out(tx: &mut Tx, nonce: &str) {
    tx.exec(
        "UPDATE tasks SET status = 'error', error_code = :code, error_message = :message, lease = NULL, \
         lease_until = NULL, finished_at = :now, updated_at = :now, seq = seq + 1, nonce = :nonce \
         WHERE finished_at IS NULL AND deadline <= :now",
        args! { nonce, code: TIMEOUT.code, message: TIMEOUT.text.en },
    );
}

/// Sends hints again for the first tasks in line that nobody has come for. Any hint makes a runner ask for work, and it
/// gets whatever is first, so a few are enough.
pub fn hint_again(tx: &mut Tx, kind: &str) {
    let forgotten = "t.id IN (SELECT id FROM (SELECT id, hinted_at, not_before FROM tasks WHERE type = :kind \
        AND status = 'waiting' ORDER BY turn, id LIMIT 10) WHERE max(hinted_at, not_before) <= :now - :lost)";
    let args = args! { kind, lost: HINT_LOST_MS };
    outbox::hints(tx, forgotten, args.clone());
    tx.exec(format!("UPDATE tasks AS t SET hinted_at = :now WHERE {forgotten}"), args);
}

/// Cancels a task: a waiting one at once, a running one when its runner next reports.
pub fn cancel(tx: &mut Tx, task_id: i64) {
    cancel_where(tx, "id = :task_id", args! { task_id });
}

/// Cancels the task that a condition of ours finds.
pub fn cancel_where(tx: &mut Tx, condition: &str, args: impl IntoIterator<Item = Arg> + Clone) {
    let error = args! { code: CANCELED.code, message: CANCELED.text.en };
    tx.exec(
        format!(
            "UPDATE tasks SET status = 'error', error_code = :code, error_message = :message, finished_at = :now, \
             updated_at = :now, seq = seq + 1 WHERE {condition} AND status IN ('initial', 'ready', 'waiting')"
        ),
        error.into_iter().chain(args.clone()),
    );
    tx.exec(
        format!("UPDATE tasks SET cancel_requested = 1, updated_at = :now WHERE {condition} AND status = 'running'"),
        args,
    );
}

/// Ends the unfinished tasks that a condition of ours finds as canceled, also running ones: whatever their runners
/// report from then on is refused.
pub fn end_at_once(tx: &mut Tx, condition: &str, args: impl IntoIterator<Item = Arg>) {
    tx.exec(
        format!(
            "UPDATE tasks SET status = 'error', error_code = :code, error_message = :message, lease = NULL, \
             lease_until = NULL, finished_at = :now, updated_at = :now, seq = seq + 1 \
             WHERE {condition} AND finished_at IS NULL"
        ),
        args! { code: CANCELED.code, message: CANCELED.text.en }.into_iter().chain(args),
    );
}

/// Deletes the objects of tasks that will have no result. `tasks` is an SQL query of their ids.
pub fn discard_objects(tx: &mut Tx, tasks: &str, args: impl IntoIterator<Item = Arg> + Clone) {
    outbox::delete_uploads(
        tx,
        PREVIEWS_KEPT_MS,
        &format!("SELECT key, multipart FROM task_objects WHERE task_id IN ({tasks})"),
        args.clone(),
    );
    tx.exec(format!("DELETE FROM task_objects WHERE task_id IN ({tasks})"), args);
}

/// Deletes a task with its objects. One that has not ended is canceled first, so that its cost is returned and its end
/// announced. Its images stay, and so does a model it has made.
pub fn delete(tx: &mut Tx, task_id: i64) -> News {
    discard_objects(tx, ":task_id", args! { task_id });
    end_at_once(tx, "id = :task_id", args! { task_id });
    let news = News::of_deletion(tx, "t.id = :task_id", args! { task_id });
    tx.exec("DELETE FROM tasks WHERE id = :task_id", args! { task_id });
    news
}

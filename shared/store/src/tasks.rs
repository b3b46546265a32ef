//! The life of a task in SQL. Every transition is a compare-and-set, so whatever arrives late, twice, out of order or
//! forged finds no row to change. The rules in words: `domain::task`; the protocol: `domain::runner`.

use domain::runner::{Failed, Held, Output, Progress};
use domain::task::backoff;
use ports::{Stmt, Value};

use crate::list::Scope;
use crate::outbox;
use crate::spec::{Column, Kind, OWN, Search, Spec};

/// What watchers of a task are sent.
pub static FRAMES: Spec = Spec {
    name: "tasks",
    from: "tasks t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::LooseId),
        Column::new("status", "t.status", Kind::TaskStatus),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("data", "t.data", Kind::Json),
        Column::new("error", ERROR, Kind::Json),
        Column::new("seq", "t.seq", Kind::Int),
    ],
    visible: OWN,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.seq",
    end: "t.status IN ('success', 'error')",
    filters: &[],
    search: Search::None,
    sorts: &[],
};

/// `{code, message}` or null.
pub const ERROR: &str =
    "iif(t.error_code IS NULL, 'null', json_object('code', t.error_code, 'message', t.error_message))";

/// How long the last previews stay after the end, so that a page still showing one can load it.
const PREVIEWS_STAY_MS: u32 = 60_000;

/// Fails the batch with `unauthenticated` unless this registration of the runner is its current one.
pub fn runner_guard(scope: Scope, server: i64, epoch: i64) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'unauthenticated', EXISTS (SELECT 1 FROM servers WHERE id = ?3 AND epoch = ?4)",
        [server.into(), epoch.into()],
    )
}

/// Takes a task for a runner: the hinted one when its lease ran out and nobody has noticed yet, else the waiting one
/// whose turn it is. Returns `id`, `attempt` and `params`, or no row.
pub fn claim(scope: Scope, hinted: i64, server: i64, lease: &str, lease_ms: i64) -> [Stmt; 2] {
    [
        scope.stmt(
            "UPDATE tasks SET status = 'running', attempt = attempt + 1, lease = ?5, lease_until = ?2 + ?6, \
             server_id = ?4, last_seq = 0, progress = 0, data = '{}', seq = seq + 1, \
             started_at = coalesce(started_at, ?2), claimed_at = ?2, updated_at = ?2 \
             WHERE id = coalesce((SELECT id FROM tasks WHERE id = ?3 AND type = (SELECT type FROM servers WHERE id = ?4) \
             AND status = 'running' AND lease_until <= ?2 AND cancel_requested = 0 AND attempt < max_attempts), \
             (SELECT id FROM tasks WHERE type = (SELECT type FROM servers WHERE id = ?4) AND status = 'waiting' \
             AND not_before <= ?2 ORDER BY turn, id LIMIT 1)) RETURNING id, attempt, params",
            [hinted.into(), server.into(), lease.into(), lease_ms.into()],
        ),
        // Whoever submits next comes after whoever was served last.
        scope.stmt(
            "UPDATE queue_clocks SET turn = max(queue_clocks.turn, t.turn) FROM tasks t \
             WHERE t.status = 'running' AND t.lease = ?3 AND t.type = queue_clocks.type",
            [lease.into()],
        ),
    ]
}

/// Fails the batch with `stale` unless the task is held under exactly this lease.
pub fn held_guard(scope: Scope, server: i64, held: &Held) -> Stmt {
    lease_guard(scope, server, held.task_id, held.attempt, &held.lease)
}

pub fn lease_guard(scope: Scope, server: i64, task: i64, attempt: i64, lease: &str) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'stale', EXISTS (SELECT 1 FROM tasks WHERE id = ?3 AND server_id = ?4 \
         AND attempt = ?5 AND lease = ?6 AND status = 'running')",
        [task.into(), server.into(), attempt.into(), lease.into()],
    )
}

/// Remembers an object stored for a task, so that whatever is not part of the result is deleted in the end.
pub fn object(scope: Scope, task: i64, key: &str) -> Stmt {
    scope.stmt(
        "INSERT INTO task_objects (key, task_id, created_at) VALUES (?3, ?4, ?2) ON CONFLICT DO NOTHING",
        [key.into(), task.into()],
    )
}

/// Extends the lease and shows the progress, unless this callback or a later one was seen; then `cancel_requested`.
pub fn progress(scope: Scope, progress: &Progress, lease_ms: i64) -> [Stmt; 2] {
    let Progress { held, step, steps, eta_seconds, preview, phase } = progress;
    // The picture is done only when it is stored.
    let percent = (u64::from(*step) * 100 / u64::from((*steps).max(1))).min(99) as i64;
    let preview = preview.as_ref().map(|key| format!("/files/{key}"));
    let update = scope.stmt(
        "UPDATE tasks SET progress = max(progress, ?6), last_seq = ?4, lease_until = ?2 + ?5, seq = seq + 1, updated_at = ?2, \
         data = json_patch(json_object('image_url', coalesce(?7, json_extract(data, '$.image_url')), 'step', CAST(?8 AS INTEGER), \
         'steps', CAST(?9 AS INTEGER), 'eta_seconds', round(?10, 1)), json_object('phase', ?11)) \
         WHERE id = ?3 AND last_seq < ?4",
        [
            held.task_id.into(),
            held.seq.into(),
            lease_ms.into(),
            percent.into(),
            preview.into(),
            i64::from(*step).into(),
            i64::from(*steps).into(),
            (*eta_seconds).into(),
            // Nothing is written of none.
            phase.map(|phase| phase.as_str()).into(),
        ],
    );
    [update, scope.stmt("SELECT cancel_requested FROM tasks WHERE id = ?3", [held.task_id.into()])]
}

/// The end that everything is for: the pictures become images, the task a success. To be run after `held_guard`.
pub fn succeed(scope: Scope, held: &Held, outputs: &[Output]) -> Vec<Stmt> {
    let task: Value = held.task_id.into();
    let list: Value = serde_json::json!(outputs).to_string().into();
    let picture = |name: &str| format!("json_extract(o.value, '$.{name}')");
    vec![
        scope.stmt(
            format!(
                "INSERT INTO images (name, key, width, height, size, sha256, prompt, negative_prompt, num_inference_steps, \
                 guidance_scale, scheduler, seed, from_image, strength, model_id, loras, nsfw, public, user_id, task_id, task_index, created_at, updated_at) \
                 SELECT t.name, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {LORAS}, {}, t.public, t.user_id, t.id, o.key, ?2, ?2 \
                 FROM json_each(?4) o JOIN tasks t ON t.id = ?3",
                picture("key"),
                picture("width"),
                picture("height"),
                picture("size"),
                picture("sha256"),
                parameter("prompt"),
                parameter("negative_prompt"),
                parameter("num_inference_steps"),
                parameter("guidance_scale"),
                parameter("scheduler"),
                picture("seed"),
                parameter("from_images[0]"),
                parameter("strength"),
                parameter("model.model_id"),
                picture("nsfw"),
            ),
            [task.clone(), list.clone()],
        ),
        // Of base64 without its padding, three bytes stand in four characters; a number has four bytes.
        scope.stmt(
            format!(
                "INSERT INTO image_embeddings (image_id, dim, vector) SELECT i.id, length(rtrim({0}, '=')) * 3 / 16, {0} \
                 FROM json_each(?4) o JOIN images i ON i.task_id = ?3 AND i.task_index = o.key WHERE {0} IS NOT NULL",
                picture("embedding"),
            ),
            [task.clone(), list.clone()],
        ),
        scope.stmt(
            "INSERT INTO images_search (rowid, pairs) SELECT i.id, t.pairs FROM images i JOIN tasks t ON t.id = i.task_id WHERE t.id = ?3",
            [task.clone()],
        ),
        scope.stmt(
            "INSERT INTO tags (name, user_id, created_at, updated_at) SELECT g.value, t.user_id, ?2, ?2 \
             FROM tasks t, json_each(t.params, '$.tags') g WHERE t.id = ?3 ON CONFLICT (name) DO NOTHING",
            [task.clone()],
        ),
        scope.stmt(
            "INSERT INTO image_tags (image_id, tag_id) SELECT i.id, n.id FROM tasks t JOIN images i ON i.task_id = t.id, \
             json_each(t.params, '$.tags') g JOIN tags n ON n.name = g.value WHERE t.id = ?3 ON CONFLICT DO NOTHING",
            [task.clone()],
        ),
        scope.stmt(
            "UPDATE tasks SET status = 'success', progress = 100, lease = NULL, lease_until = NULL, last_seq = ?4, seq = seq + 1, \
             finished_at = ?2, updated_at = ?2, data = json_object('images', json((SELECT json_group_array(json_object('id', i.id, \
             'url', '/files/' || i.key, 'width', i.width, 'height', i.height, 'seed', i.seed)) \
             FROM (SELECT * FROM images WHERE task_id = ?3 ORDER BY task_index) i))) WHERE id = ?3",
            [task.clone(), held.seq.into()],
        ),
        outbox::delete_blobs_after(
            scope,
            PREVIEWS_STAY_MS,
            "SELECT key FROM task_objects WHERE task_id = ?3 AND key NOT IN (SELECT key FROM images WHERE task_id = ?3)",
            [task.clone()],
        ),
        scope.stmt("DELETE FROM task_objects WHERE task_id = ?3", [task]),
    ]
}

/// The changes of the model of a task `t`, as they were asked for.
const LORAS: &str = "(SELECT json_group_array(json_object('model_id', json_extract(l.value, '$.model_id'), \
    'weight', json_extract(l.value, '$.weight'))) FROM json_each(t.params, '$.loras') l)";

fn parameter(name: &str) -> String {
    format!("json_extract(t.params, '$.{name}')")
}

/// A failed attempt: tried again after a while if that may help, else the task's end. To be run after `held_guard`.
pub fn fail(scope: Scope, failed: &Failed) -> Vec<Stmt> {
    let task: Value = failed.held.task_id.into();
    let mut stmts = vec![
        scope.stmt(
            format!("UPDATE tasks SET {RELEASE}, not_before = ?2 + ?7 WHERE id = ?3"),
            [
                task.clone(),
                failed.retryable.into(),
                failed.code.as_str().into(),
                failed.message.as_str().into(),
                backoff(failed.held.attempt).into(),
            ],
        ),
        outbox::hints(scope, "t.id = ?3", [task.clone()]),
    ];
    stmts.extend(discard(scope, "SELECT id FROM tasks WHERE id = ?3 AND status = 'error'", [task]));
    stmts
}

/// What becomes of a running task whose attempt is over without success: `?4` it may be tried again, `?5` the error's
/// code, `?6` its message.
const RELEASE: &str = "\
    status = iif(?4 AND attempt < max_attempts AND cancel_requested = 0, 'waiting', 'error'), \
    finished_at = iif(?4 AND attempt < max_attempts AND cancel_requested = 0, NULL, ?2), \
    error_code = iif(cancel_requested = 1, 'canceled', iif(?4 AND attempt < max_attempts, NULL, ?5)), \
    error_message = iif(cancel_requested = 1, 'The task was canceled.', iif(?4 AND attempt < max_attempts, NULL, ?6)), \
    lease = NULL, lease_until = NULL, \
    progress = 0, data = '{}', seq = seq + 1, hinted_at = ?2, updated_at = ?2";

/// Ends all leases that ran out: their tasks wait again, without the pause after a failure as the lease was one, or
/// have been tried too often. Marks them with `nonce`.
pub fn expire(scope: Scope, nonce: &str) -> [Stmt; 2] {
    [
        scope.stmt(
            format!("UPDATE tasks SET {RELEASE}, nonce = ?3 WHERE status = 'running' AND lease_until <= ?2"),
            [
                nonce.into(),
                true.into(),
                "poison".into(),
                "The task was tried several times and its runner was lost each time.".into(),
            ],
        ),
        outbox::hints(scope, "t.nonce = ?3", [nonce.into()]),
    ]
}

/// Ends all tasks whose deadline has passed. Marks them with `nonce`.
pub fn time_out(scope: Scope, nonce: &str) -> Stmt {
    scope.stmt(
        "UPDATE tasks SET status = 'error', error_code = 'timeout', error_message = 'The task was not done in time.', \
         lease = NULL, lease_until = NULL, finished_at = ?2, updated_at = ?2, seq = seq + 1, nonce = ?3 \
         WHERE finished_at IS NULL AND deadline <= ?2",
        [nonce.into()],
    )
}

/// A hint that was lost on its way is sent again after so long, in milliseconds.
const HINT_AGAIN_MS: i64 = 60_000;

/// Hints again at those in front of a queue that nobody has come for. Any hint makes a runner ask for work, and it is
/// given what is in front, so a few are enough.
pub fn hint_again(scope: Scope, kind: &str) -> [Stmt; 2] {
    let forgotten = "t.id IN (SELECT id FROM (SELECT id, hinted_at, not_before FROM tasks WHERE type = ?3 \
        AND status = 'waiting' ORDER BY turn, id LIMIT 10) WHERE max(hinted_at, not_before) <= ?2 - ?4)";
    let args = || [kind.into(), HINT_AGAIN_MS.into()];
    [
        outbox::hints(scope, forgotten, args()),
        scope.stmt(format!("UPDATE tasks AS t SET hinted_at = ?2 WHERE {forgotten}"), args()),
    ]
}

/// Cancels: a waiting task at once, a running one when its runner next reports.
pub fn cancel(scope: Scope, task: i64) -> [Stmt; 2] {
    cancel_where(scope, "id = ?3", [task.into()])
}

/// The same for the task a condition of ours names.
pub fn cancel_where(scope: Scope, condition: &str, args: impl IntoIterator<Item = Value> + Clone) -> [Stmt; 2] {
    [
        scope.stmt(
            format!("UPDATE tasks SET status = 'error', error_code = 'canceled', error_message = 'The task was canceled.', \
             finished_at = ?2, updated_at = ?2, seq = seq + 1 WHERE {condition} AND status IN ('initial', 'ready', 'waiting')"),
            args.clone(),
        ),
        scope.stmt(
            format!("UPDATE tasks SET cancel_requested = 1, updated_at = ?2 WHERE {condition} AND status = 'running'"),
            args,
        ),
    ]
}

/// Deletes the objects of tasks that will have no result. `tasks` is an SQL query of their ids.
pub fn discard(scope: Scope, tasks: &str, args: impl IntoIterator<Item = Value> + Clone) -> [Stmt; 2] {
    [
        outbox::delete_blobs_after(
            scope,
            PREVIEWS_STAY_MS,
            &format!("SELECT key FROM task_objects WHERE task_id IN ({tasks})"),
            args.clone(),
        ),
        scope.stmt(format!("DELETE FROM task_objects WHERE task_id IN ({tasks})"), args),
    ]
}

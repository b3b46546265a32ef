//! Putting tasks into line: what a task costs, whose turn it is, and when it will be done.
//!
//! The order is start-time fair queueing (Goyal, Vin and Cheng 1996) with tasks of equal weight: a task's `turn` is one
//! after the user's last waiting task, or after the task served last, whichever is later. So users are served round
//! robin however many tasks each has, the order is known at submission, and a position in it can be counted.

use ports::{Stmt, Value};

use crate::list::Scope;

/// A task to be submitted by the caller.
pub struct NewTask<'a> {
    pub name: &'a str,
    pub public: bool,
    /// JSON: the runner's parameters (`domain::runner::DrawParams`) and the tags.
    pub params: &'a str,
    /// The prompt as search pairs.
    pub pairs: &'a str,
    /// What the row is found by within the batch.
    pub nonce: &'a str,
    /// The points task API's number and model, when it was submitted there.
    pub task_no: Option<&'a str>,
    pub model_name: Option<&'a str>,
    /// `text_to_image` or `image_to_image`.
    pub task_type: &'a str,
    pub pictures: u32,
    /// `domain::task::work`
    pub work: f64,
    /// What links in its webhooks begin with.
    pub origin: &'a str,
    /// The address of its own webhook; `webhooks::for_task` comes before.
    pub webhook: Option<&'a str>,
    pub deadline_ms: i64,
}

/// What one picture costs: by the model's name, or else what is standard for the type.
const PRICE: &str = "SELECT points_cost FROM points_config WHERE enabled = 1 \
    AND ((?3 IS NULL AND standard = 1 AND task_type = ?4) OR model_name = ?3)";

/// Fails the batch with `gone` unless there is a price for it.
pub fn priced(scope: Scope, task: &NewTask) -> Stmt {
    scope.stmt(
        format!("INSERT INTO guard SELECT 'gone', EXISTS ({PRICE})"),
        [task.model_name.into(), task.task_type.into()],
    )
}

/// Inserts a task that waits. The database holds its cost, or fails the batch with `insufficient_points`.
pub fn insert(scope: Scope, task: &NewTask) -> Stmt {
    const TURN: &str = "1 + max((SELECT turn FROM queue_clocks WHERE type = 'inference'), coalesce((SELECT max(turn) \
        FROM tasks WHERE user_id = ?1 AND type = 'inference' AND status = 'waiting'), 0))";
    const ENDPOINT: &str = "(SELECT id FROM webhooks WHERE user_id = ?1 AND url = ?16 AND standing = 0)";
    let args: [Value; 14] = [
        task.model_name.into(),
        task.task_type.into(),
        i64::from(task.pictures).into(),
        task.name.into(),
        task.params.into(),
        task.public.into(),
        task.pairs.into(),
        task.nonce.into(),
        domain::task::MAX_ATTEMPTS.into(),
        task.task_no.into(),
        task.work.into(),
        task.origin.into(),
        task.deadline_ms.into(),
        task.webhook.into(),
    ];
    scope.stmt(
        format!(
            "INSERT INTO tasks (name, type, status, params, public, pairs, nonce, max_attempts, user_id, not_before, \
             hinted_at, deadline, cost, turn, task_no, model_name, task_type, work, origin, webhook_id, created_at, updated_at) \
             VALUES (?6, 'inference', 'waiting', ?7, ?8, ?9, ?10, ?11, ?1, ?2, ?2, ?2 + ?15, ?5 * ({PRICE}), {TURN}, ?12, ?3, \
             ?4, ?13, ?14, {ENDPOINT}, ?2, ?2)"
        ),
        args,
    )
}

/// How many wait, this one included, until it is its turn; null when it does not wait. For a row of tasks `t`.
pub const POSITION: &str = "CASE t.status WHEN 'waiting' THEN 1 + (SELECT count(*) FROM tasks w WHERE w.type = t.type \
    AND w.status = 'waiting' AND (w.turn, w.id) < (t.turn, t.id)) END";

/// Seconds until the end, as far as can be told: the work before it shared by the runners there are, then its own, at the
/// pace of the last tasks done. Null when none was done yet, no runner is there, or the task has ended.
pub const ETA: &str = "(SELECT round(CASE t.status \
    WHEN 'waiting' THEN max(t.not_before - ?2, p.pace * (t.work + (coalesce((SELECT sum(w.work) FROM tasks w \
    WHERE w.type = t.type AND w.status = 'waiting' AND (w.turn, w.id) < (t.turn, t.id)), 0) \
    + coalesce((SELECT sum(r.work * (100 - r.progress) / 100.0) FROM tasks r WHERE r.type = t.type AND r.status = 'running'), 0)) \
    / (SELECT nullif(count(*), 0) FROM servers s WHERE s.type = t.type AND s.last_seen > ?2 - 60000 AND s.status <> 'stopping'))) \
    WHEN 'running' THEN p.pace * t.work * (100 - t.progress) / 100.0 END / 1000.0, 1) \
    FROM (SELECT sum(d.finished_at - d.claimed_at) / sum(d.work) AS pace FROM (SELECT finished_at, claimed_at, work \
    FROM tasks WHERE type = t.type AND status = 'success' AND claimed_at IS NOT NULL ORDER BY finished_at DESC LIMIT 20) d) p)";

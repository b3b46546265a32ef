//! Claims, and the guards of everything a runner reports.

use domain::messages::{INVALID_SIGNATURE, STALE_LEASE};

use crate::args;
use crate::tx::{StmtIndex, Tx};

/// Fails the transaction with `invalid_signature` unless this is the runner's current registration.
pub fn require_registration(tx: &mut Tx, server_id: i64, epoch: i64) {
    tx.guard(
        &INVALID_SIGNATURE,
        "EXISTS (SELECT 1 FROM servers WHERE id = :server_id AND epoch = :epoch)",
        args! { server_id, epoch },
    );
}

/// Fails the transaction with `stale_lease` unless the runner holds the task under exactly this lease.
pub fn require_lease(tx: &mut Tx, server_id: i64, task_id: i64, attempt: i64, lease: &str) {
    tx.guard(
        &STALE_LEASE,
        "EXISTS (SELECT 1 FROM tasks WHERE id = :task_id AND server_id = :server_id AND attempt = :attempt \
         AND lease = :lease AND status = 'running')",
        args! { task_id, server_id, attempt, lease },
    );
}

/// Claims a task for a runner: the hinted one when its lease ran out unnoticed, else the waiting one that is next.
/// Yields `id`, `attempt`, `type`, `params` and, where a training goes on, `state`; or no row.
pub fn claim(tx: &mut Tx, hinted: i64, server_id: i64, lease: &str, lease_ms: i64) -> StmtIndex {
    let claimed = tx.exec(
        "UPDATE tasks SET status = 'running', attempt = attempt + 1, lease = :lease, lease_until = :now + :lease_ms, \
         server_id = :server_id, last_seq = 0, progress = 0, data = '{}', seq = seq + 1, \
         started_at = coalesce(started_at, :now), claimed_at = :now, updated_at = :now \
         WHERE id = coalesce((SELECT id FROM tasks WHERE id = :hinted \
         AND type = (SELECT type FROM servers WHERE id = :server_id) \
         AND status = 'running' AND lease_until <= :now AND cancel_requested = 0 AND attempt < max_attempts), \
         (SELECT id FROM tasks WHERE type = (SELECT type FROM servers WHERE id = :server_id) AND status = 'waiting' \
         AND not_before <= :now ORDER BY turn, id LIMIT 1)) RETURNING id, attempt, type, params, \
         (SELECT json_object('step', step, 'size', size, 'sha256', sha256) FROM training_states s \
         WHERE s.task_id = tasks.id) AS state",
        args! { hinted, server_id, lease, lease_ms },
    );
    // Whoever submits next comes after whoever was served last.
    tx.exec(
        "UPDATE queue_clocks SET turn = max(queue_clocks.turn, t.turn) FROM tasks t \
         WHERE t.lease = :lease AND t.type = queue_clocks.type",
        args! { lease },
    );
    claimed
}

//! Progress of a running attempt. To be added after `require_lease`.

use protocol::runner::Progress;

use crate::args;
use crate::tx::{StmtIndex, Tx};

/// Records an object stored for a task, so that what is not part of the result is deleted in the end.
pub fn record_object(tx: &mut Tx, task_id: i64, key: &str) {
    tx.exec(
        "INSERT INTO task_objects (key, task_id, created_at) VALUES (:key, :task_id, :now) ON CONFLICT DO NOTHING",
        args! { key, task_id },
    );
}

/// Extends the lease and shows the progress, unless this report or a later one was seen. Yields `cancel_requested`.
pub fn progress(tx: &mut Tx, progress: &Progress, lease_ms: i64) -> StmtIndex {
    let Progress { lease, step, steps, eta_seconds, preview, phase, loss } = progress;
    // 100 is for a result that is stored.
    let percent = (u64::from(*step) * 100 / u64::from((*steps).max(1))).min(99) as i64;
    let task_id = lease.task_id;
    tx.exec(
        "UPDATE tasks SET progress = max(progress, :percent), last_seq = :seq, lease_until = :now + :lease_ms, \
         seq = seq + 1, updated_at = :now, data = json_patch(json_object(\
         'image_url', coalesce(:preview, json_extract(data, '$.image_url')), 'step', CAST(:step AS INTEGER), \
         'steps', CAST(:steps AS INTEGER), 'eta_seconds', round(:eta_seconds, 1)), json_object('phase', :phase, 'loss', :loss)) \
         WHERE id = :task_id AND last_seq < :seq",
        args! {
            task_id,
            seq: lease.seq,
            lease_ms,
            percent,
            preview: preview.as_ref().map(|key| format!("/files/{key}")),
            step: i64::from(*step),
            steps: i64::from(*steps),
            eta_seconds,
            // json_patch leaves a null out.
            phase: phase.map(|phase| phase.as_str()),
            loss,
        },
    );
    tx.exec("SELECT cancel_requested FROM tasks WHERE id = :task_id", args! { task_id })
}

//! One round of the sweeper: leases that ran out, deadlines, hints and deletions that a crash left in the outbox,
//! images of datasets to copy, rows past their time. It runs every few seconds while there is work; any number may run
//! at once.

use domain::{Error, task};
use ports::Runtime;

use crate::tasks::News;
use crate::tx::{StmtIndex, Tx};
use crate::{
    args, dataset_copies, idempotency, ledger, outbox, pending, rate_limit, tasks, tickets, views, watch, webhooks,
};

/// A cron trigger wakes the sweeper this often, in milliseconds.
const CRON_MS: i64 = 60_000;

/// Sweeps once. Returns true when unfinished work remains, so that the next round comes soon.
pub async fn round(runtime: &Runtime) -> Result<bool, Error> {
    let nonce = runtime.token();
    let mut tx = Tx::system(runtime);
    tasks::expire(&mut tx, &nonce);
    tasks::time_out(&mut tx, &nonce);
    for (kind, _) in task::KINDS {
        tasks::hint_again(&mut tx, kind);
    }
    ledger::expire(&mut tx);
    // This includes tasks that were canceled while they waited for another attempt. Objects first: there are few.
    tasks::discard_objects(
        &mut tx,
        "SELECT o.task_id FROM task_objects o CROSS JOIN tasks t ON t.id = o.task_id WHERE t.status = 'error'",
        [],
    );
    let news = News::of_end(&mut tx, "t.nonce = :nonce", args! { nonce });
    webhooks::sweep(&mut tx);
    pending::sweep(&mut tx);
    rate_limit::sweep(&mut tx);
    idempotency::sweep(&mut tx);
    tickets::sweep(&mut tx);
    views::sweep(&mut tx, runtime.config.history_ms);
    tx.exec("DELETE FROM sessions WHERE expires_at <= :now", []);
    let open = unfinished(&mut tx);
    let outcome = tx.run().await?;
    let changes = news.events(&outcome);
    for (room, _) in changes.iter().filter(|(room, _)| room.starts_with("tasks/")) {
        log::info!("The lease or the deadline of {room} has passed: its attempt is over.");
    }
    watch::publish(runtime, changes).await;
    let mut open = outcome.row(open).is_some_and(|row| row.flag("open"));
    // A full batch may have left some behind. What was delivered may have been all there was.
    let mut delivered = false;
    while outbox::flush(runtime).await? > 0 {
        delivered = true;
    }
    webhooks::dispatch(runtime);
    dataset_copies::dispatch(runtime);
    if delivered {
        let mut tx = Tx::system(runtime);
        let asked = unfinished(&mut tx);
        open = tx.run().await?.row(asked).is_some_and(|row| row.flag("open"));
    }
    Ok(open)
}

/// Queries `open`: there is work to come back for before the next cron trigger.
fn unfinished(tx: &mut Tx) -> StmtIndex {
    tx.exec(
        "SELECT EXISTS (SELECT 1 FROM tasks WHERE finished_at IS NULL) \
         OR EXISTS (SELECT 1 FROM outbox) \
         OR EXISTS (SELECT 1 FROM deliveries WHERE status = 'pending' AND next_at < :now + :cron) \
         OR EXISTS (SELECT 1 FROM dataset_images WHERE status = 'pending' AND not_before < :now + :cron) AS open",
        args! { cron: CRON_MS },
    )
}

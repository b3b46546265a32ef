//! One round of looking after what nobody else will: leases that ran out, hints and deletions a crash left in the
//! outbox, rows past their time. Run by the sweeper every few seconds while there is work; any number may run at once.

use domain::Error;
use ports::{Cx, Stmt};

use crate::batch::Batch;
use crate::list::Scope;
use crate::{idempotency, ledger, limits, outbox, pending, tasks, watch, webhooks};

/// Whoever sleeps longer is woken by a cron trigger in time.
const CRON_MS: i64 = 60_000;

/// Returns whether unfinished work remains, that is, whether to come back soon.
pub async fn round(cx: &Cx) -> Result<bool, Error> {
    let scope = Scope { me: 0, now: cx.now, profile: cx.config.profile };
    let nonce = cx.token();
    let mut batch = Batch::new();
    batch.extend(tasks::expire(scope, &nonce));
    batch.push(tasks::time_out(scope, &nonce));
    for (kind, _) in domain::task::KINDS {
        batch.extend(tasks::hint_again(scope, kind));
    }
    batch.push(ledger::expire(scope));
    // Also those of tasks that were cancelled while they waited for another attempt. Objects first: there are few.
    batch.extend(tasks::discard(
        scope,
        "SELECT o.task_id FROM task_objects o CROSS JOIN tasks t ON t.id = o.task_id WHERE t.status = 'error'",
        [],
    ));
    let changed = batch.push(watch::change_where(&tasks::FRAMES, scope, "t.nonce = ?3", [nonce.as_str().into()]));
    let ended = "SELECT id FROM tasks WHERE nonce = ?3 AND finished_at = ?2";
    let news = batch.push(webhooks::ended(scope, ended, [nonce.as_str().into()]));
    batch.extend(webhooks::sweep(scope));
    batch.extend(pending::sweep(scope));
    batch.push(limits::sweep(scope));
    batch.push(idempotency::sweep(scope));
    batch.push(scope.stmt("DELETE FROM tickets WHERE expires_at <= ?2", []));
    batch.push(scope.stmt("DELETE FROM sessions WHERE expires_at <= ?2", []));
    let asked = batch.push(unfinished(scope));
    let outcome = batch.run(&*cx.ports.sql).await?;
    let changes = watch::events(&tasks::FRAMES, outcome.rows(changed));
    for (room, _) in &changes {
        log::info!("The lease or the time of {room} ran out: its attempt is over.");
    }
    for (room, event) in changes.into_iter().chain(webhooks::told(outcome.rows(news))) {
        if let Err(error) = cx.ports.hub.publish(&room, &event).await {
            log::warn!("The watchers of {room} were not told of change {}: {}", event.seq, error.0);
        }
    }
    let mut open = outcome.rows(asked).first().is_some_and(|row| row.flag("open"));
    // A full round may have left some behind. What was delivered may have been all there was.
    let mut delivered = false;
    while outbox::flush(cx).await? > 0 {
        delivered = true;
    }
    webhooks::dispatch(cx);
    if delivered {
        let mut batch = Batch::new();
        let asked = batch.push(unfinished(scope));
        open = batch.run(&*cx.ports.sql).await?.rows(asked).first().is_some_and(|row| row.flag("open"));
    }
    Ok(open)
}

/// Whether there is work to come back for soon, as `open`.
fn unfinished(scope: Scope) -> Stmt {
    scope.stmt(
        "SELECT EXISTS (SELECT 1 FROM tasks WHERE finished_at IS NULL) \
         OR EXISTS (SELECT 1 FROM outbox) \
         OR EXISTS (SELECT 1 FROM deliveries WHERE status = 'pending' AND next_at < ?2 + ?3) AS open",
        [CRON_MS.into()],
    )
}

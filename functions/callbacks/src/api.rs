//! Claims, progress, results and failures.

use domain::messages::{INVALID_PARAMETER, OBJECT_MISSING, STALE_LEASE, WRONG_OUTPUTS};
use domain::runner::{
    Claim, ClaimRequest, DrawParams, Failed, Held, Output, Progress, ProgressReply, Succeeded, callback_id,
    embedding_vector, is_output_key,
};
use domain::webhook::TOLERANCE;
use domain::{Error, error::Arg};
use serde_json::json;

use store::{Outcome, Slot, limits, tasks, watch, webhooks};
use web::{Ctx, Raw, Reply, Result};

use crate::signed::{Runner, parse};

type Body = Raw<65_536>;

/// For as long as a claim's signature may be seen as fresh, and no shorter by any clock.
const REMEMBERED_MS: i64 = 2 * TOLERANCE * 1000;

pub async fn claim(ctx: Ctx, body: Body) -> Result {
    let request: ClaimRequest = parse(&body.bytes)?;
    let hinted = request.task_id;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id.starts_with(&format!("claim_{hinted}_")))?;
    let (scope, mut batch) = runner.batch(&ctx);
    let (lease, lease_ms) = (ctx.cx.token(), ctx.cx.config.lease_ms);
    // It is given what is in front, so the same claim once more would be given another task.
    batch.push(limits::once(scope, &format!("claim:{}", ctx.header("webhook-id")), REMEMBERED_MS));
    batch.unique("attempts.bucket", &STALE_LEASE, "task_id");
    let [take, clock] = tasks::claim(scope, hinted, runner.server_id, &lease, lease_ms);
    let claimed = batch.push(take);
    batch.push(clock);
    let under = "t.status = 'running' AND t.lease = ?3";
    let event = batch.push(watch::change_where(&tasks::FRAMES, scope, under, [lease.as_str().into()]));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    // None waits: what the message hinted at was taken, or has ended.
    let row = outcome.rows(claimed).first().ok_or_else(|| STALE_LEASE.error())?;
    let task = row.int("id").unwrap_or(hinted);
    let params: DrawParams = parse(row.text("params").unwrap_or_default().as_bytes())?;
    let claim = Claim { task_id: task, attempt: row.int("attempt").unwrap_or(1), lease, lease_ms, params };
    tell(&ctx, task, &outcome, event);
    // A lease now runs: somebody has to look whether it runs out.
    ctx.wake_sweeper();
    Ok(Reply::Item(json!(claim).to_string()))
}

pub async fn progress(ctx: Ctx, body: Body) -> Result {
    let report: Progress = parse(&body.bytes)?;
    let held = &report.held;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(held))?;
    if report.preview.as_ref().is_some_and(|key| !is_output_key(key, held.task_id, held.attempt)) {
        return Err(invalid("preview").into());
    }
    if !report.eta_seconds.is_finite() || held.seq < 1 {
        return Err(invalid("seq").into());
    }
    let (scope, mut batch) = runner.batch(&ctx);
    batch.push(tasks::held_guard(scope, runner.server_id, held));
    let [update, canceled] = tasks::progress(scope, &report, ctx.cx.config.lease_ms);
    batch.push(update);
    let canceled = batch.push(canceled);
    let event = batch.push(watch::change(&tasks::FRAMES, scope, held.task_id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let cancel = outcome.rows(canceled).first().is_some_and(|row| row.flag("cancel_requested"));
    tell(&ctx, held.task_id, &outcome, event);
    Ok(Reply::Item(json!(ProgressReply { cancel }).to_string()))
}

pub async fn succeeded(ctx: Ctx, body: Body) -> Result {
    let report: Succeeded = parse(&body.bytes)?;
    let held = &report.held;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(held))?;
    check_outputs(&ctx, held, &report.outputs).await?;
    let (scope, mut batch) = runner.batch(&ctx);
    batch.push(tasks::held_guard(scope, runner.server_id, held));
    batch.meaning("conflict", &WRONG_OUTPUTS);
    batch.push(asked_for(scope, held, report.outputs.len()));
    batch.extend(tasks::succeed(scope, held, &report.outputs));
    finish(&ctx, held, scope, batch).await
}

pub async fn failed(ctx: Ctx, body: Body) -> Result {
    let mut report: Failed = parse(&body.bytes)?;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(&report.held))?;
    report.code = report.code.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect();
    report.message = report.message.chars().filter(|c| !c.is_control()).take(500).collect();
    let (scope, mut batch) = runner.batch(&ctx);
    batch.push(tasks::held_guard(scope, runner.server_id, &report.held));
    batch.extend(tasks::fail(scope, &report));
    finish(&ctx, &report.held, scope, batch).await
}

/// Ends an attempt: one batch, then the watchers and the outbox.
async fn finish(ctx: &Ctx, held: &Held, scope: store::Scope, mut batch: store::Batch) -> Result {
    let event = batch.push(watch::change(&tasks::FRAMES, scope, held.task_id));
    let news = batch.push(webhooks::ended(scope, "?3", [held.task_id.into()]));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    tell(ctx, held.task_id, &outcome, event);
    ctx.tell_all(webhooks::told(outcome.rows(news)));
    ctx.deliver();
    Ok(Reply::Item("{}".into()))
}

/// A result has as many pictures as were asked for.
fn asked_for(scope: store::Scope, held: &Held, pictures: usize) -> ports::Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'conflict', EXISTS (SELECT 1 FROM tasks WHERE id = ?3 AND json_extract(params, '$.n') = ?4)",
        [held.task_id.into(), (pictures as i64).into()],
    )
}

/// Every object named is stored under this attempt, as large and with the content it is said to have.
async fn check_outputs(ctx: &Ctx, held: &Held, outputs: &[Output]) -> std::result::Result<(), Error> {
    let keys: std::collections::HashSet<&str> = outputs.iter().map(|o| o.key.as_str()).collect();
    if outputs.is_empty() || outputs.len() > 8 || keys.len() != outputs.len() {
        return Err(invalid("outputs"));
    }
    for output in outputs {
        if !is_output_key(&output.key, held.task_id, held.attempt) || output.width == 0 || output.height == 0 {
            return Err(invalid("outputs"));
        }
        if output.embedding.as_deref().is_some_and(|text| embedding_vector(text).is_none()) {
            return Err(invalid("outputs"));
        }
        let stored = ctx.cx.ports.blobs.head(&output.key).await;
        let stored = stored.map_err(|e| domain::messages::UNAVAILABLE.error().cause(format!("{e:?}")))?;
        let same = stored.is_some_and(|s| s.size == output.size && s.sha256.as_deref() == Some(&output.sha256));
        if !same {
            return Err(OBJECT_MISSING.on("outputs"));
        }
    }
    Ok(())
}

fn tell(ctx: &Ctx, task: i64, outcome: &Outcome, event: Slot) {
    ctx.tell(format!("tasks/{task}"), watch::event(outcome.rows(event), ctx.cx.now.0));
}

fn invalid(field: &'static str) -> Error {
    let phrase =
        Arg::Phrase { en: "as API.md §5 says".into(), hant: "符合協定".into(), hans: "符合协议".into() };
    INVALID_PARAMETER.on(field).arg(field).phrase(phrase)
}

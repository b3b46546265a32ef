//! Claims, progress, results and failures.

mod outputs;
pub mod training;

use domain::messages::{INTERNAL, STALE_LEASE};
use domain::{Error, phrases};
use protocol::runner::{
    Claim, ClaimRequest, Failed, LeaseRef, Progress, ProgressReply, Succeeded, Work, callback_id, is_output_key,
};
use protocol::webhook::TOLERANCE;
use serde::Serialize;
use store::tasks::{self, News};
use store::{Tx, args, rate_limit};
use web::{Raw, Reply, RequestCtx, Result};

use crate::signature::{Runner, parse};

type Body = Raw<65_536>;

/// Milliseconds a claim is remembered: at least as long as its signature may count as fresh, by any clock.
const CLAIM_REMEMBERED_MS: i64 = 2 * TOLERANCE * 1000;

/// Characters of a failure's message that are kept.
const MESSAGE_LENGTH: usize = 500;
/// The task of a report.
const TASK: &str = "t.id = :task_id";

/// Characters of a failure's code that are kept.
const CODE_LENGTH: usize = 40;

pub async fn claim(ctx: RequestCtx, body: Body) -> Result {
    let request: ClaimRequest = parse(&body.bytes)?;
    let hinted = request.task_id;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id.starts_with(&format!("claim_{hinted}_")))?;
    let (lease, lease_ms) = (ctx.runtime.token(), ctx.runtime.config.lease_ms);
    let mut tx = runner.begin(&ctx);
    // A claim gets the task that is first in line, so the same claim once more would get another task.
    tx.unique("rate_limits.bucket", STALE_LEASE.on("task_id"));
    rate_limit::once(&mut tx, &format!("claim:{}", ctx.header("webhook-id")), CLAIM_REMEMBERED_MS);
    let claimed = tasks::claim(&mut tx, hinted, runner.server_id, &lease, lease_ms);
    let news = News::of_progress(&mut tx, "t.lease = :lease", args! { lease: &lease });
    let outcome = tx.run().await?;
    // No row: nothing waits, and the hinted task was claimed or has ended.
    let row = outcome.row(claimed).ok_or_else(|| STALE_LEASE.error())?;
    let (task_id, attempt) = row.int("id").zip(row.int("attempt")).ok_or_else(|| INTERNAL.error())?;
    let params = row.text("params").unwrap_or_default().as_bytes();
    let work = match row.text("type") {
        Some("training") => Work::Training(parse(params)?),
        _ => Work::Inference(parse(params)?),
    };
    let state = row.text("state").map(|state| parse(state.as_bytes())).transpose()?;
    ctx.publish_all(news.events(&outcome));
    // A lease now runs: the sweeper has to see whether it runs out.
    ctx.wake_sweeper();
    json(&Claim { task_id, attempt, lease, lease_ms, work, state })
}

pub async fn progress(ctx: RequestCtx, body: Body) -> Result {
    let report: Progress = parse(&body.bytes)?;
    let lease = &report.lease;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(lease))?;
    if report.preview.as_ref().is_some_and(|key| !is_output_key(key, lease.task_id, lease.attempt)) {
        return Err(invalid("preview").into());
    }
    if !report.eta_seconds.is_finite() || lease.seq < 1 {
        return Err(invalid("seq").into());
    }
    let mut tx = runner.begin_leased(&ctx, lease);
    let canceled = tasks::progress(&mut tx, &report, ctx.runtime.config.lease_ms);
    let news = News::of_progress(&mut tx, TASK, args! { task_id: lease.task_id });
    let outcome = tx.run().await?;
    let cancel = outcome.row(canceled).is_some_and(|row| row.flag("cancel_requested"));
    ctx.publish_all(news.events(&outcome));
    json(&ProgressReply { cancel })
}

pub async fn succeeded(ctx: RequestCtx, body: Body) -> Result {
    let report: Succeeded = parse(&body.bytes)?;
    let lease = &report.lease;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(lease))?;
    outputs::check_stored(&ctx, lease, &report.outputs).await?;
    let mut tx = runner.begin_leased(&ctx, lease);
    outputs::require_count(&mut tx, lease, report.outputs.len());
    tasks::succeed(&mut tx, lease, &report.outputs);
    end_attempt(&ctx, tx, lease).await
}

pub async fn failed(ctx: RequestCtx, body: Body) -> Result {
    let mut report: Failed = parse(&body.bytes)?;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(&report.lease))?;
    report.code = report.code.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(CODE_LENGTH).collect();
    report.message = report.message.chars().filter(|c| !c.is_control()).take(MESSAGE_LENGTH).collect();
    let mut tx = runner.begin_leased(&ctx, &report.lease);
    tasks::fail(&mut tx, &report);
    end_attempt(&ctx, tx, &report.lease).await
}

/// Runs the transaction that ends an attempt, publishes the end and delivers the outbox.
async fn end_attempt(ctx: &RequestCtx, mut tx: Tx, lease: &LeaseRef) -> Result {
    let news = News::of_end(&mut tx, TASK, args! { task_id: lease.task_id });
    let outcome = tx.run().await?;
    ctx.publish_all(news.events(&outcome));
    ctx.flush_outbox();
    Ok(Reply::Item("{}".into()))
}

/// A JSON reply.
pub fn json(reply: &impl Serialize) -> Result {
    Ok(Reply::Item(serde_json::to_string(reply).map_err(|e| INTERNAL.error().cause(e))?))
}

/// A field of a callback that breaks the protocol.
fn invalid(field: &'static str) -> Error {
    Error::invalid(field, &phrases::CALLBACK_FIELD)
}

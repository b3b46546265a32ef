//! What a runner asks for about a task it holds, by number where there are several: `GET …/{task}/{attempt}/{index}`,
//! signed over an empty body, under the lease. What the numbers stand for is told by whoever asks here.

use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use domain::messages::NOT_FOUND;
use domain::runner::LEASE_HEADER;
use domain::{Error, Id, id};
use ports::Rows;
use store::tasks;
use web::{Ctx, axum};

use crate::signed::Runner;

pub type Path = Result<RawPathParams, RawPathParamsRejection>;

/// The rows of `query`, in which `?3` is the task and `?4` the number, if the caller holds the task. `named` gives the path
/// as it is signed: `webhook-id: get_{path}`.
pub async fn read(
    ctx: &Ctx,
    path: Path,
    named: impl Fn(Id, i64, usize) -> String,
    query: &'static str,
) -> Result<Rows, Error> {
    let path = path.map_err(|_| NOT_FOUND.error())?;
    let part = |name: &str| path.iter().find(|(n, _)| *n == name).map(|(_, v)| v);
    let id = |name: &str| part(name).and_then(id::parse).ok_or_else(|| NOT_FOUND.error());
    let (task, attempt) = (id("task")?, id("attempt")?);
    let index: u8 = part("index").unwrap_or("0").parse().map_err(|_| NOT_FOUND.error())?;
    let expected = format!("get_{}", named(task, attempt, index.into()));
    let runner = Runner::verify(ctx, b"", |id| id == expected)?;
    let (scope, mut batch) = runner.batch(ctx);
    batch.push(tasks::lease_guard(scope, runner.server_id, task, attempt, ctx.header(LEASE_HEADER)));
    let found = batch.push(scope.stmt(query, [task.into(), i64::from(index).into()]));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(outcome.rows(found).clone())
}

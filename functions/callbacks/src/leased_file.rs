//! Files of a task that a runner holds: `GET …/{task}/{attempt}/{index}`, signed over an empty body, under the lease.

use domain::Id;
use domain::messages::NOT_FOUND;
use ports::Rows;
use protocol::runner::{LEASE_HEADER, LeaseRef};
use store::args;
use web::{PathParams, RequestCtx, Result};

use crate::signature::Runner;

/// The rows of `query`, an SQL query over `:task_id` and `:index`, if the caller holds the task. `path` gives the path
/// as it is signed, for `webhook-id: get_{path}`.
pub async fn read(
    ctx: &RequestCtx,
    params: PathParams,
    path: impl Fn(Id, i64, usize) -> String,
    query: &'static str,
) -> Result<Rows> {
    let (task_id, attempt) = (params.id("task")?, params.id("attempt")?);
    let index: u8 = params.text("index").unwrap_or("0").parse().map_err(|_| NOT_FOUND.error())?;
    let signed_id = format!("get_{}", path(task_id, attempt, index.into()));
    let runner = Runner::verify(ctx, b"", |id| id == signed_id)?;
    let lease = LeaseRef { task_id, attempt, lease: ctx.header(LEASE_HEADER).to_string(), seq: 0 };
    let mut tx = runner.begin_leased(ctx, &lease);
    let found = tx.exec(query, args! { task_id, index: i64::from(index) });
    Ok(tx.run().await?.rows(found).clone())
}

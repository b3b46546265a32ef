//! What a runner reads about the task it holds: `GET …/{task}/{attempt}/…`, signed over an empty body, under the lease.

use domain::Id;
use domain::messages::{NOT_FOUND, RANGE_NOT_SATISFIABLE};
use ports::Rows;
use protocol::runner::{LEASE_HEADER, LeaseRef};
use store::{StmtIndex, Tx};
use web::axum::http::header;
use web::axum::response::Response;
use web::range::{self, Wanted};
use web::{PathParams, Reply, RequestCtx, Result, blob_response, set};

use crate::signature::Runner;

/// The rows of `query`, which gets the ids of task and file, if the caller holds the task. `path` gives the path as it
/// is signed, for `webhook-id: get_{path}`, from task, attempt and file. A path without `index` has file 0.
pub async fn read(
    ctx: &RequestCtx,
    params: PathParams,
    path: impl Fn(Id, i64, i64) -> String,
    query: impl FnOnce(&mut Tx, i64, i64) -> StmtIndex,
) -> Result<Rows> {
    let (task_id, attempt) = (params.id("task")?, params.id("attempt")?);
    let index: u32 = params.text("index").unwrap_or("0").parse().map_err(|_| NOT_FOUND.error())?;
    let index = i64::from(index);
    let signed_id = format!("get_{}", path(task_id, attempt, index));
    let runner = Runner::verify(ctx, b"", |id| id == signed_id)?;
    let lease = LeaseRef { task_id, attempt, lease: ctx.header(LEASE_HEADER).to_string(), seq: 0 };
    let mut tx = runner.begin_leased(ctx, &lease);
    let found = query(&mut tx, task_id, index);
    Ok(tx.run().await?.rows(found).clone())
}

/// The object of the first row's `key` and `size`, whole or the range that was asked for.
pub async fn send(ctx: &RequestCtx, found: &Rows) -> Result {
    let row = found.first();
    let file = row.and_then(|row| Some((row.text("key")?, u64::try_from(row.int("size")?).ok()?)));
    let (key, size) = file.ok_or_else(|| NOT_FOUND.error())?;
    let range = match range::parse(ctx.header("range"), size) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Outside => return Err(RANGE_NOT_SATISFIABLE.on("Range").into()),
    };
    let blob = ctx.runtime.blobs.get(key, range).await?.ok_or_else(|| NOT_FOUND.error())?;
    let mut response = Response::new(blob_response::body(blob.body));
    set(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    match range {
        None => set(&mut response, header::CONTENT_LENGTH, &blob.info.size.to_string()),
        Some(range) => blob_response::partial(&mut response, range, size),
    }
    Ok(Reply::Raw(Box::new(response)))
}

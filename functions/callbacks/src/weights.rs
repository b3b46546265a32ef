//! `GET /callbacks/lora/{task}/{attempt}/{index}`: the file of a LoRA, as the runner that holds the task gets it. Whether
//! the user may use the model was settled at submission; a model that was deleted since is not found.

use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use domain::id;
use domain::messages::{NOT_FOUND, STALE_LEASE, UNAVAILABLE};
use domain::runner::{LEASE_HEADER, lora_path};
use ports::{BlobBody, BlobError};
use store::tasks;
use web::axum::body::Body;
use web::axum::http::{HeaderValue, header};
use web::axum::response::Response;
use web::{Ctx, Reply, Result, axum};

use crate::signed::Runner;

type Path = std::result::Result<RawPathParams, RawPathParamsRejection>;

pub async fn get(ctx: Ctx, path: Path) -> Result {
    let path = path.map_err(|_| NOT_FOUND.error())?;
    let part = |name: &str| path.iter().find(|(n, _)| *n == name).map(|(_, v)| v).unwrap_or_default();
    let ids = id::parse(part("task")).zip(id::parse(part("attempt")));
    let (task, attempt) = ids.ok_or_else(|| NOT_FOUND.error())?;
    let index: u8 = part("index").parse().map_err(|_| NOT_FOUND.error())?;
    let expected = format!("get_{}", lora_path(task, attempt, index.into()));
    let runner = Runner::verify(&ctx, b"", |id| id == expected)?;
    let (scope, mut batch) = runner.batch(&ctx);
    batch.meaning("stale", &STALE_LEASE);
    batch.push(tasks::lease_guard(scope, runner.server_id, task, attempt, ctx.header(LEASE_HEADER)));
    let found = batch.push(scope.stmt(
        "SELECT m.key FROM tasks t JOIN models m \
         ON m.id = json_extract(t.params, '$.loras[' || CAST(?4 AS INTEGER) || '].model_id') WHERE t.id = ?3",
        [task.into(), i64::from(index).into()],
    ));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let key = outcome.rows(found).first().and_then(|row| row.text("key")).ok_or_else(|| NOT_FOUND.error())?;
    let unavailable = |error: BlobError| UNAVAILABLE.error().retry_after(1).cause(format!("{error:?}"));
    let blob = ctx.cx.ports.blobs.get(key, None).await.map_err(unavailable)?.ok_or_else(|| NOT_FOUND.error())?;
    let body = match blob.body {
        BlobBody::Bytes(bytes) => Body::from(bytes),
        BlobBody::Stream(stream, _) => Body::from_stream(futures_util::TryStreamExt::map_err(stream, unavailable)),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(length) = HeaderValue::from_str(&blob.info.size.to_string()) {
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    Ok(Reply::Raw(Box::new(response)))
}

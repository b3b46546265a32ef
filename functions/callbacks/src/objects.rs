//! `PUT /callbacks/out/{task}/{attempt}/{32 hex}.png`: a preview or a result on its way into the object store.

use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use domain::messages::{INVALID_IMAGE, NOT_FOUND, STALE_LEASE, UNAVAILABLE};
use domain::runner::{LEASE_HEADER, is_output_key, output_prefix};
use ports::BlobBody;
use serde_json::json;
use store::tasks;
use web::{Ctx, Raw, Reply, Result, axum, sha256_hex};

use crate::signed::Runner;

/// A 2048² PNG of noise is smaller.
const LIMIT: usize = 25 << 20;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

type Path = std::result::Result<RawPathParams, RawPathParamsRejection>;

pub async fn put(ctx: Ctx, path: Path, body: Raw<LIMIT>) -> Result {
    // What is not text names nothing.
    let path = path.map_err(|_| NOT_FOUND.error())?;
    let part = |name: &str| path.iter().find(|(n, _)| *n == name).map(|(_, v)| v).unwrap_or_default();
    let ids = domain::id::parse(part("task")).zip(domain::id::parse(part("attempt")));
    let (task, attempt) = ids.ok_or_else(|| NOT_FOUND.error())?;
    let key = format!("{}{}", output_prefix(task, attempt), part("name"));
    if !is_output_key(&key, task, attempt) {
        return Err(NOT_FOUND.error().into());
    }
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == format!("put_{key}"))?;
    if !body.bytes.starts_with(PNG) {
        return Err(INVALID_IMAGE.error().into());
    }
    let (scope, mut batch) = runner.batch(&ctx);
    batch.meaning("stale", &STALE_LEASE);
    batch.push(tasks::lease_guard(scope, runner.server_id, task, attempt, ctx.header(LEASE_HEADER)));
    batch.push(tasks::object(scope, task, &key));
    batch.run(&*ctx.cx.ports.sql).await?;
    // The row comes first: an object without a row would never be cleaned up.
    let (sha256, size) = (sha256_hex(&body.bytes), body.bytes.len());
    let put = ctx.cx.ports.blobs.put(&key, "image/png", Some(&sha256), BlobBody::Bytes(body.bytes)).await;
    put.map_err(|e| UNAVAILABLE.error().cause(format!("{e:?}")))?;
    Ok(Reply::Item(json!({"key": key, "size": size, "sha256": sha256}).to_string()))
}

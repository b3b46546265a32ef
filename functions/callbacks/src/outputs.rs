//! `PUT /callbacks/out/{task}/{attempt}/{32 hex}.png`: a preview or a result on its way into the object store.

use domain::messages::{INVALID_IMAGE, NOT_FOUND};
use media::ImageFormat;
use ports::BlobBody;
use protocol::runner::{LEASE_HEADER, LeaseRef, is_output_key, output_prefix};
use serde_json::json;
use store::tasks;
use web::{PathParams, Raw, Reply, RequestCtx, Result, sha256_hex};

use crate::signature::Runner;

/// Bytes of the largest output. A PNG of 2048 × 2048 pixels of noise is smaller.
const MAX_BYTES: usize = 25 << 20;

pub async fn put(ctx: RequestCtx, params: PathParams, body: Raw<MAX_BYTES>) -> Result {
    let (task_id, attempt) = (params.id("task")?, params.id("attempt")?);
    let key = format!("{}{}", output_prefix(task_id, attempt), params.text("name").unwrap_or_default());
    if !is_output_key(&key, task_id, attempt) {
        return Err(NOT_FOUND.error().into());
    }
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == format!("put_{key}"))?;
    if ImageFormat::of(&body.bytes) != Some(ImageFormat::Png) {
        return Err(INVALID_IMAGE.error().into());
    }
    let lease = LeaseRef { task_id, attempt, lease: ctx.header(LEASE_HEADER).to_string(), seq: 0 };
    let mut tx = runner.begin_leased(&ctx, &lease);
    // The row comes first: an object without a row would never be deleted.
    tasks::record_object(&mut tx, task_id, &key);
    tx.run().await?;
    let (sha256, size) = (sha256_hex(&body.bytes), body.bytes.len());
    let media_type = ImageFormat::Png.media_type();
    ctx.runtime.blobs.put(&key, media_type, Some(&sha256), BlobBody::Bytes(body.bytes)).await?;
    Ok(Reply::Item(json!({"key": key, "size": size, "sha256": sha256}).to_string()))
}

//! What a training stores: states on the way and the file of its model, in parts, and the reports of both.

use domain::Error;
use domain::messages::{INVALID_MODEL, NOT_FOUND, OBJECT_MISSING, UPLOAD_INCOMPLETE};
use ports::{BlobBody, BlobError, Part};
use protocol::runner::{
    BeginUpload, CompleteUpload, LEASE_HEADER, LeaseRef, PART_BYTES, StoredState, Trained, UploadedPart, callback_id,
    is_model_key, is_output_key, output_prefix,
};
use store::model_file::{self, Refusal};
use store::tasks;
use web::blob_response::unavailable;
use web::{PathParams, Raw, Reply, RequestCtx, Result};

use super::{Body, end_attempt, invalid, json};
use crate::signature::{Runner, parse};

/// The list of the parts of the largest upload.
type PartListBody = Raw<1_048_576>;
type PartBody = Raw<{ PART_BYTES as usize }>;

const MEDIA_TYPE: &str = "application/octet-stream";
/// Families that a model may be of.
const BASE_MODELS: [&str; 3] = ["SD1.5", "SD2", "SDXL"];

pub async fn begin_upload(ctx: RequestCtx, body: Body) -> Result {
    let BeginUpload { lease, key } = parse(&body.bytes)?;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == format!("upload_{key}"))?;
    if !is_model_key(&key, lease.task_id, lease.attempt) {
        return Err(invalid("key").into());
    }
    // Who holds nothing begins nothing.
    runner.begin_leased(&ctx, &lease).run().await?;
    let blobs = &ctx.runtime.blobs;
    let multipart = blobs.begin(&key, MEDIA_TYPE).await?;
    let mut tx = runner.begin_leased(&ctx, &lease);
    tasks::begin_upload(&mut tx, lease.task_id, &key, &multipart);
    if let Err(error) = tx.run().await {
        if let Err(left) = blobs.abort(&key, &multipart).await {
            log::warn!("The upload of {key} could not be aborted and expires by itself: {left}");
        }
        return Err(error.into());
    }
    Ok(Reply::Item("{}".into()))
}

pub async fn put_part(ctx: RequestCtx, params: PathParams, body: PartBody) -> Result {
    let (task_id, attempt) = (params.id("task")?, params.id("attempt")?);
    let key = format!("{}{}", output_prefix(task_id, attempt), params.text("name").unwrap_or_default());
    let number: u16 = params.text("number").and_then(|n| n.parse().ok()).ok_or_else(|| NOT_FOUND.error())?;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == format!("put_{key}/{number}"))?;
    let lease = LeaseRef { task_id, attempt, lease: ctx.header(LEASE_HEADER).to_string(), seq: 0 };
    let multipart = unfinished(&ctx, runner, &lease, &key).await?;
    let stored = ctx.runtime.blobs.put_part(&key, &multipart, number, BlobBody::Bytes(body.bytes)).await;
    let Part { number, etag } = stored.map_err(incomplete)?;
    json(&UploadedPart { number, etag })
}

pub async fn complete_upload(ctx: RequestCtx, body: PartListBody) -> Result {
    let CompleteUpload { lease, key, parts } = parse(&body.bytes)?;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == format!("complete_{key}"))?;
    let multipart = unfinished(&ctx, runner, &lease, &key).await?;
    let parts: Vec<Part> = parts.into_iter().map(|UploadedPart { number, etag }| Part { number, etag }).collect();
    let blobs = &ctx.runtime.blobs;
    match blobs.complete(&key, &multipart, &parts).await {
        Ok(_) => {}
        // An earlier call may have joined the parts and died before it changed the row.
        Err(BlobError::Parts(_)) if blobs.head(&key).await?.is_some() => {}
        Err(error) => return Err(incomplete(error).into()),
    }
    let mut tx = runner.begin_leased(&ctx, &lease);
    tasks::complete_upload(&mut tx, &key);
    tx.run().await?;
    Ok(Reply::Item("{}".into()))
}

pub async fn state(ctx: RequestCtx, body: Body) -> Result {
    let report: StoredState = parse(&body.bytes)?;
    let lease = &report.lease;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(lease))?;
    require_stored(&ctx, lease, &report.key, report.state.size).await?;
    let mut tx = runner.begin_leased(&ctx, lease);
    tasks::store_state(&mut tx, &report, ctx.runtime.config.lease_ms);
    tx.run().await?;
    // The state before is deleted.
    ctx.flush_outbox();
    Ok(Reply::Item("{}".into()))
}

pub async fn trained(ctx: RequestCtx, body: Body) -> Result {
    let report: Trained = parse(&body.bytes)?;
    let lease = &report.lease;
    let runner = Runner::verify(&ctx, &body.bytes, |id| id == callback_id(lease))?;
    if !BASE_MODELS.contains(&report.base_model.as_str()) {
        return Err(invalid("base_model").into());
    }
    if let Some(image) = &report.image {
        if !is_output_key(image, lease.task_id, lease.attempt) {
            return Err(invalid("image").into());
        }
        ctx.runtime.blobs.head(image).await?.ok_or_else(|| OBJECT_MISSING.on("image"))?;
    }
    require_stored(&ctx, lease, &report.key, report.size).await?;
    model_file::check(&*ctx.runtime.blobs, &report.key).await.map_err(|refusal| match refusal {
        Refusal::Invalid(reason) => INVALID_MODEL.on("key").cause(reason),
        Refusal::Store(error) => unavailable(error),
    })?;
    let mut tx = runner.begin_leased(&ctx, lease);
    tasks::require_training(&mut tx, lease.task_id);
    tasks::trained(&mut tx, &report);
    end_attempt(&ctx, tx, lease).await
}

/// The object store's id of an upload that is not complete, if the runner holds its task.
async fn unfinished(
    ctx: &RequestCtx,
    runner: Runner,
    lease: &LeaseRef,
    key: &str,
) -> std::result::Result<String, Error> {
    let mut tx = runner.begin_leased(ctx, lease);
    let found = tasks::upload(&mut tx, lease.task_id, key);
    let outcome = tx.run().await?;
    let multipart = outcome.row(found).and_then(|row| row.text("multipart").map(str::to_string));
    multipart.ok_or_else(|| UPLOAD_INCOMPLETE.on("key"))
}

fn incomplete(error: BlobError) -> Error {
    match error {
        BlobError::Parts(source) => UPLOAD_INCOMPLETE.on("parts").cause(source),
        other => unavailable(other),
    }
}

/// Refuses an object that is not stored under this attempt with this size.
async fn require_stored(ctx: &RequestCtx, lease: &LeaseRef, key: &str, size: u64) -> std::result::Result<(), Error> {
    if !is_model_key(key, lease.task_id, lease.attempt) {
        return Err(invalid("key"));
    }
    let stored = ctx.runtime.blobs.head(key).await.map_err(unavailable)?;
    if stored.is_some_and(|stored| stored.size == size) { Ok(()) } else { Err(OBJECT_MISSING.on("key")) }
}

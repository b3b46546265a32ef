//! The handlers: authorise, validate, store, reply. Each is one transaction. Creating an upload takes one more, which
//! reserves the key before the object is stored. A row must never refer to an object that is not there, so the object
//! is stored before its row, and deleted when the row is refused. A request that dies between the two leaves the key
//! reserved; the sweeper then deletes the object.

use ports::{BlobBody, BlobError};
use store::{pending, watch};
use web::axum::extract::{FromRequest, Request};
use web::{PathId, Raw, Reply, RequestCtx, Result, multipart};

use crate::image_file;
use crate::sql::{self, UPLOADS};

/// Largest body of an image in bytes: the file, or the form around it.
const MAX_BODY: usize = 25 << 20;

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list_in(ctx.write()?, &UPLOADS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&UPLOADS, id).await
}

/// Takes the whole request: the credential is checked before the body is read.
pub async fn create(ctx: RequestCtx, request: Request) -> Result {
    let mut reservation = ctx.write()?;
    let body = Raw::<MAX_BODY>::from_request(request, &()).await?;
    let image = image_file::rewrite(multipart::file(&body.content_type, &body.bytes)?)?;
    let idempotent = ctx.head.headers.contains_key("idempotency-key");
    let hash = if idempotent { web::sha256_hex(&body.bytes) } else { String::new() };
    drop(body);
    let key = format!("up/{}.{}", ctx.runtime.token(), image.format.extension());
    let mut tx = ctx.write_once(&hash)?;
    pending::confirm(&mut tx, &key);
    sql::insert(&mut tx, &key, &image);

    pending::reserve(&mut reservation, &key);
    reservation.run().await?;
    let blobs = &ctx.runtime.blobs;
    blobs.put(&key, image.format.media_type(), None, BlobBody::Bytes(image.bytes.into())).await?;
    let reply = ctx.created(tx, &UPLOADS).await;
    if !is_row_of(&reply, &key) {
        log_failed_removal(blobs.delete(&key).await, &key);
    }
    reply
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&UPLOADS, id)?;
    let deleted = sql::delete(&mut tx, id);
    let outcome = tx.run().await?;
    // The link ends with the reply. Where this fails, the outbox deletes the file later.
    if let Some(key) = outcome.row(deleted).and_then(|row| row.text("key")) {
        log_failed_removal(ctx.runtime.blobs.delete(key).await, key);
    }
    ctx.publish(format!("uploads/{id}"), watch::gone(ctx.runtime.now.0));
    ctx.flush_outbox();
    Ok(Reply::Done)
}

/// Reports whether a reply is the new row of the object with this key. Any other reply is an error, or the response to
/// an earlier request that this one repeats; no row has the object then.
pub fn is_row_of(reply: &Result, key: &str) -> bool {
    matches!(reply, Ok(Reply::Created { item, .. }) if item.contains(key))
}

/// Logs an object or unfinished upload that was not removed. It is no error of the request: nobody can reach it.
pub fn log_failed_removal(removal: std::result::Result<(), BlobError>, key: &str) {
    if let Err(error) = removal {
        log::warn!("{key} was not removed from the object store: {error}");
    }
}

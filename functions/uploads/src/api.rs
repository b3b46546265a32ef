//! The handlers: authorise, validate, store, reply. Each is one database batch. An object is stored before its row, as
//! a row must never point to nothing; when the row is refused the object goes again. So that it also goes when the
//! request dies between the two, uploading writes down what it is about to store, which is one more batch.

use domain::messages::UNAVAILABLE;
use ports::{BlobBody, BlobError, Rows};
use store::{list as lists, outbox, pending, watch};
use web::axum::extract::{FromRequest, Request};
use web::{Ctx, PathId, Raw, Reply, Result, multipart};

use crate::picture;
use crate::store::{self as table, UPLOADS};

/// The largest picture file, form around it included: 25 MiB.
const MAX_FILE: usize = 25 << 20;

pub async fn list(ctx: Ctx) -> Result {
    ctx.list_in(ctx.writing()?, &UPLOADS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&UPLOADS, id).await
}

pub async fn create(ctx: Ctx, request: Request) -> Result {
    let (scope, mut record) = ctx.writing()?;
    let body = Raw::<MAX_FILE>::from_request(request, &()).await?;
    let picture = picture::read(multipart::file(&body.content_type, &body.bytes)?)?;
    let hash = ctx.parts.headers.get("idempotency-key").map(|_| web::sha256_hex(&body.bytes)).unwrap_or_default();
    drop(body);
    let key = format!("up/{}.{}", ctx.cx.token(), picture.extension);
    let insert = table::insert(scope, &key, picture.bytes.len() as i64, &picture);
    record.push(pending::expect(scope, &key));
    record.run(&*ctx.cx.ports.sql).await?;

    let blobs = &ctx.cx.ports.blobs;
    let bytes = BlobBody::Bytes(picture.bytes.into());
    blobs.put(&key, picture.content_type, None, bytes).await?;
    let (scope, mut batch) = ctx.writing()?;
    batch.meaning("gone", &UNAVAILABLE);
    batch.extend(pending::arrived(scope, &key));
    let reply = ctx.create(scope, batch, &hash, insert, lists::inserted(&UPLOADS, scope), []).await;
    if !names(&reply, &key) {
        forget(blobs.delete(&key).await, &key);
    }
    reply
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(lists::writable(&UPLOADS, scope, id));
    batch.push(outbox::delete_uploads(scope, 0, "SELECT key, multipart FROM uploads WHERE id = ?3", [id.into()]));
    let gone = batch.push(table::delete(scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    // The link ends with the reply; should this fail, the outbox sees to it.
    if let Some(row) = outcome.rows(gone).first() {
        let key = row.text("key").unwrap_or_default();
        forget(ctx.cx.ports.blobs.delete(key).await, key);
    }
    ctx.deliver();
    ctx.tell(format!("uploads/{id}"), watch::event(&Rows::default(), ctx.cx.now.0));
    Ok(Reply::Done)
}

/// The reply is about this key; otherwise it is a refusal, or the repeat of an earlier one.
pub fn names(reply: &Result, key: &str) -> bool {
    matches!(reply, Ok(Reply::Created { item, .. }) if item.contains(key))
}

/// Removing what nobody can reach any more may fail: it is only garbage.
pub fn forget(removal: std::result::Result<(), BlobError>, key: &str) {
    if let Err(error) = removal {
        log::warn!("{key} was not removed: {error:?}");
    }
}

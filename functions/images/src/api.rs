//! The handlers: authorise, validate, store, reply. Each is one transaction.

use domain::Id;
use store::images::{IMAGES, shown_in};
use store::{StmtIndex, Tx, watch};
use web::{Json, PathId, Reply, RequestCtx, Result};

use crate::model::ImagePatch;
use crate::sql::{self, affinity};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&IMAGES).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&IMAGES, id).await
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<ImagePatch>) -> Result {
    let mut tx = ctx.write_to(&IMAGES, id)?;
    let patch = body.read()?;
    let shown = patch.public.map(|_| shown_in(&mut tx, id));
    sql::update(&mut tx, id, &patch);
    let (reply, outcome) = ctx.updated_with(tx, &IMAGES, &IMAGES, id).await?;
    if let Some(shown) = shown {
        ctx.publish_rows(shown.read(&outcome));
    }
    Ok(reply)
}

pub async fn like(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write()?;
    tx.require_visible(&IMAGES, id);
    let changed = affinity::like(&mut tx, id);
    end_like(&ctx, tx, id, changed).await
}

pub async fn unlike(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write()?;
    tx.require_visible(&IMAGES, id);
    let changed = affinity::unlike(&mut tx, id);
    end_like(&ctx, tx, id, changed).await
}

/// Runs the transaction. Publishes the image where `changed` has a row.
async fn end_like(ctx: &RequestCtx, mut tx: Tx, id: Id, changed: StmtIndex) -> Result {
    let change = tx.change(&IMAGES, id);
    let outcome = tx.run().await?;
    if outcome.row(changed).is_some() {
        ctx.publish(format!("images/{id}"), watch::event(&IMAGES, outcome.rows(change), ctx.runtime.now.0));
    }
    Ok(Reply::Done)
}

pub async fn view(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write()?;
    tx.require_visible(&IMAGES, id);
    affinity::view(&mut tx, id);
    tx.run().await?;
    Ok(Reply::Done)
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&IMAGES, id)?;
    let shown = shown_in(&mut tx, id);
    let deleted = sql::delete(&mut tx, id);
    let outcome = tx.run().await?;
    // The link ends with the reply. Where this fails, the outbox deletes the file later.
    if let Some(key) = outcome.row(deleted).and_then(|row| row.text("key"))
        && let Err(error) = ctx.runtime.blobs.delete(key).await
    {
        log::warn!("The file {key} of a deleted image was not deleted, the outbox will: {error}");
    }
    ctx.publish(format!("images/{id}"), watch::gone(ctx.runtime.now.0));
    ctx.publish_rows(shown.read(&outcome));
    ctx.flush_outbox();
    Ok(Reply::Done)
}

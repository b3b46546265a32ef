//! The handlers: authorise, validate, store, reply. Each is one database batch.

use ports::Rows;
use store::{list as lists, outbox, watch};
use web::{Ctx, Json, PathId, Reply, Result};

use crate::model::ImagePatch;
use crate::store::{self as table, IMAGES};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list(&IMAGES).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&IMAGES, id).await
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, batch) = ctx.writing()?;
    let patch = ImagePatch::read(&body.value)?;
    ctx.change((scope, batch), &IMAGES, id, table::update(scope, id, &patch)).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(lists::writable(&IMAGES, scope, id));
    batch.push(outbox::delete_blobs(scope, "SELECT key FROM images WHERE id = ?3", [id.into()]));
    let gone = batch.push(table::delete(scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    // The link ends with the reply; should this fail, the outbox sees to it.
    if let Some(key) = outcome.rows(gone).first().and_then(|row| row.text("key"))
        && let Err(error) = ctx.cx.ports.blobs.delete(key).await
    {
        log::warn!("{key} was not removed at once: {error:?}");
    }
    ctx.deliver();
    ctx.tell(format!("images/{id}"), watch::event(&Rows::default(), ctx.cx.now.0));
    Ok(Reply::Done)
}

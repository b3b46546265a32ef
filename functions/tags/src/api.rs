//! The handlers: authorise, validate, store, reply. Each is one database batch.

use domain::messages::TAG_EXISTS;
use web::{Ctx, Json, PathId, Result};

use crate::model::{NewTag, TagPatch};
use crate::store::{self, TAGS};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list(&TAGS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&TAGS, id).await
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let tag = NewTag::read(&body.value)?;
    batch.unique("tags.name", &TAG_EXISTS, "name");
    ctx.create(scope, batch, &body.hash, store::insert(scope, &tag), ::store::list::inserted(&TAGS, scope), []).await
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let patch = TagPatch::read(&body.value)?;
    batch.unique("tags.name", &TAG_EXISTS, "name");
    ctx.change((scope, batch), &TAGS, id, [store::rename(scope, id, &patch)]).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, batch) = ctx.writing()?;
    ctx.remove((scope, batch), &TAGS, id, [store::delete(scope, id)]).await
}

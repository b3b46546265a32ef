//! The handlers: authorise, validate, store, reply. Each is one transaction.

use web::{Json, PathId, RequestCtx, Result};

use crate::model::{NewTag, TagPatch};
use crate::sql::{self, TAGS};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&TAGS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&TAGS, id).await
}

pub async fn create(ctx: RequestCtx, body: Json<NewTag>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    sql::insert(&mut tx, &body.read()?);
    ctx.created(tx, &TAGS).await
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<TagPatch>) -> Result {
    let mut tx = ctx.write_to(&TAGS, id)?;
    sql::update(&mut tx, id, &body.read()?);
    ctx.updated(tx, &TAGS, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&TAGS, id)?;
    sql::delete(&mut tx, id);
    ctx.deleted(tx, &TAGS, id).await
}

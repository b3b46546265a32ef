//! The handlers: authorise, validate, store, reply. Each is one transaction.

use store::list;
use web::{Json, PathId, RequestCtx, Result};

use crate::model::{NewPrice, PricePatch};
use crate::sql::{self, PRICES};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&PRICES).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&PRICES, id).await
}

pub async fn create(ctx: RequestCtx, body: Json<NewPrice>) -> Result {
    let mut tx = ctx.write_as_admin()?;
    ctx.once(&mut tx, &body.hash)?;
    let price = body.read()?;
    sql::insert(&mut tx, &price, &price.defaults()?);
    tx.answer(list::inserted(&PRICES, tx.scope));
    sql::require_standards(&mut tx);
    ctx.created_answer(tx).await
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<PricePatch>) -> Result {
    let mut tx = ctx.write_to(&PRICES, id)?;
    let patch = body.read()?;
    sql::update(&mut tx, id, &patch, patch.defaults()?.as_deref());
    sql::require_standards(&mut tx);
    ctx.updated(tx, &PRICES, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&PRICES, id)?;
    sql::delete(&mut tx, id);
    sql::require_standards(&mut tx);
    ctx.deleted(tx, &PRICES, id).await
}

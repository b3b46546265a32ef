//! The handlers: authorise, validate, store, reply. Each is one database batch.

use ::store::{Batch, Scope, sessions};
use domain::Error;
use domain::messages::{MODEL_NOT_READY, NAME_TAKEN, STANDARD_PRICE};
use web::{Ctx, Json, PathId, Result};

use crate::model::{NewPrice, PricePatch};
use crate::store::{self, PRICES};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list(&PRICES).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&PRICES, id).await
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let (scope, mut batch) = writing(&ctx)?;
    let price = NewPrice::read(&body.value)?;
    batch.push(sessions::admin(scope));
    let mut insert = vec![store::drawable(scope, &price.defaults)];
    insert.extend(store::insert(scope, &price));
    let inserted = ::store::list::inserted(&PRICES, scope);
    ctx.create(scope, batch, &body.hash, insert, inserted, [store::one_standard_each(scope)]).await
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, batch) = writing(&ctx)?;
    let patch = PricePatch::read(&body.value)?;
    let drawable = patch.defaults.iter().map(|defaults| store::drawable(scope, defaults));
    let change = drawable.chain(store::change(scope, id, &patch));
    ctx.change((scope, batch), &PRICES, id, change).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, batch) = writing(&ctx)?;
    ctx.remove((scope, batch), &PRICES, id, [store::delete(scope, id), store::one_standard_each(scope)]).await
}

/// A batch in which broken rules of this table have their names.
fn writing(ctx: &Ctx) -> std::result::Result<(Scope, Batch), Error> {
    let (scope, mut batch) = ctx.writing()?;
    batch.unique("points_config.model_name", &NAME_TAKEN, "model_name");
    // The standard row of a type cannot become a second one of another.
    batch.unique("points_config.task_type", &STANDARD_PRICE, "task_type");
    batch.meaning("conflict", &STANDARD_PRICE);
    batch.meaning("gone", &MODEL_NOT_READY);
    Ok((scope, batch))
}

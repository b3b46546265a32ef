//! The handlers: authorise, validate, store, reply. Each is one transaction.

use domain::Id;
use store::choices::CHOICES;
use store::{StmtIndex, Tx, watch};
use web::{Json, PathId, PathParams, Reply, RequestCtx, Result};

use crate::model::{ChoicePatch, NewChoice};
use crate::sql;

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&CHOICES).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&CHOICES, id).await
}

pub async fn create(ctx: RequestCtx, body: Json<NewChoice>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    sql::insert(&mut tx, &body.read()?);
    ctx.created(tx, &CHOICES).await
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<ChoicePatch>) -> Result {
    let mut tx = ctx.write_to(&CHOICES, id)?;
    sql::update(&mut tx, id, &body.read()?);
    ctx.updated(tx, &CHOICES, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&CHOICES, id)?;
    sql::delete(&mut tx, id);
    ctx.deleted(tx, &CHOICES, id).await
}

pub async fn add_image(ctx: RequestCtx, path: PathParams) -> Result {
    let (id, image_id) = (path.id("id")?, path.id("image_id")?);
    let mut tx = ctx.write_to(&CHOICES, id)?;
    let touched = sql::add_image(&mut tx, id, image_id);
    finish(&ctx, tx, id, touched).await
}

pub async fn remove_image(ctx: RequestCtx, path: PathParams) -> Result {
    let (id, image_id) = (path.id("id")?, path.id("image_id")?);
    let mut tx = ctx.write_to(&CHOICES, id)?;
    let touched = sql::remove_image(&mut tx, id, image_id);
    finish(&ctx, tx, id, touched).await
}

/// Runs the transaction. Publishes the choice where `touched` has a row: its images have changed.
async fn finish(ctx: &RequestCtx, mut tx: Tx, id: Id, touched: StmtIndex) -> Result {
    let change = tx.change(&CHOICES, id);
    let outcome = tx.run().await?;
    if outcome.row(touched).is_some() {
        ctx.publish(format!("choices/{id}"), watch::event(&CHOICES, outcome.rows(change), ctx.runtime.now.0));
    }
    Ok(Reply::Done)
}

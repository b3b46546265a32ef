//! The handlers: authorise, validate, store, reply. Each is one transaction.

use domain::messages::{NOT_FOUND, UNSUPPORTED_PARAMETER};
use web::axum::http::{Method, StatusCode, header};
use web::axum::response::Response;
use web::{Json, PathId, Reply, RequestCtx, Result, set};

use crate::model::ModelPatch;
use crate::sql::{self, MODELS};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&MODELS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&MODELS, id).await
}

/// Refuses: there are no training tasks yet.
pub async fn train(ctx: RequestCtx) -> Result {
    ctx.user()?;
    Err(UNSUPPORTED_PARAMETER.on("type").arg("training").into())
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<ModelPatch>) -> Result {
    let mut tx = ctx.write_to(&MODELS, id)?;
    sql::update(&mut tx, id, &body.read()?);
    ctx.updated(tx, &MODELS, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&MODELS, id)?;
    sql::delete(&mut tx, id);
    let reply = ctx.deleted(tx, &MODELS, id).await?;
    ctx.flush_outbox();
    Ok(reply)
}

/// Counts the download and redirects to the file, which `uploads` serves.
pub async fn download(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.read()?;
    let found = sql::download(&mut tx, id, ctx.head.method != Method::HEAD);
    let outcome = tx.run().await?;
    let key = outcome.row(found).and_then(|row| row.text("key")).ok_or_else(|| NOT_FOUND.error())?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::FOUND;
    set(&mut response, header::LOCATION, &format!("/files/{key}"));
    set(&mut response, header::CACHE_CONTROL, "no-store");
    Ok(Reply::Raw(Box::new(response)))
}

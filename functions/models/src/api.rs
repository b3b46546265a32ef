//! The handlers: authorise, validate, store, reply. Each is one database batch.

use domain::messages::{INTERNAL, NOT_FOUND, UNSUPPORTED_PARAMETER};
use http::{HeaderValue, Method, StatusCode, header};
use web::axum::response::Response;
use web::{Ctx, Json, PathId, Reply, Result};

use crate::model::PATCH;
use crate::store::{self, MODELS};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list(&MODELS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&MODELS, id).await
}

/// There are no training tasks yet.
pub async fn train(ctx: Ctx) -> Result {
    ctx.user()?;
    Err(UNSUPPORTED_PARAMETER.on("type").arg("training").into())
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, batch) = ctx.writing()?;
    let patch = PATCH.patch(&body.value)?;
    ctx.change((scope, batch), &MODELS, id, [store::update(scope, id, &patch)]).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, batch) = ctx.writing()?;
    let reply = ctx.remove((scope, batch), &MODELS, id, [store::delete(scope, id)]).await?;
    ctx.deliver();
    Ok(reply)
}

/// Counts the download, and shows the way to the file, which `uploads` serves with ranges.
pub async fn download(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.reading()?;
    let found = batch.push(store::download(scope, id, ctx.parts.method != Method::HEAD));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let key = outcome.rows(found).first().and_then(|row| row.text("key")).ok_or_else(|| NOT_FOUND.error())?;
    let to = HeaderValue::from_str(&format!("/files/{key}")).map_err(|e| INTERNAL.error().cause(e))?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Reply::Raw(Box::new(response)))
}

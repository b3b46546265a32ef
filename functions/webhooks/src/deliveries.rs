//! The log of one webhook: what was sent, how that went, and again, please.

use ::store::list;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use domain::messages::{NOT_FOUND, WEBHOOK_INACTIVE};
use web::{Ctx, PathId, Reply, Result, axum};

use crate::store::{self, DELIVERIES, WEBHOOKS};

pub async fn list(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let [found, _] = list::writable(&WEBHOOKS, scope, id);
    batch.push(found);
    ctx.list_of((scope, batch), &DELIVERIES, "t.webhook_id = {}", id).await
}

pub async fn replay(ctx: Ctx, path: std::result::Result<RawPathParams, RawPathParamsRejection>) -> Result {
    let path = path.map_err(|_| NOT_FOUND.error())?;
    let part = |name: &str| path.iter().find(|(n, _)| *n == name).and_then(|(_, text)| domain::id::parse(text));
    let (webhook, id) = part("id").zip(part("delivery")).ok_or_else(|| NOT_FOUND.error())?;
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(list::writable(&WEBHOOKS, scope, webhook));
    batch.meaning("conflict", &WEBHOOK_INACTIVE);
    batch.extend(store::replay(scope, webhook, id));
    let item = batch.push(list::item(&DELIVERIES, scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    ctx.deliver();
    Ok(Reply::Item(outcome.item(item)?))
}

//! Sessions that exist, and tickets. Each handler is one database batch; logging in is in `login`.

use domain::Millis;
use serde_json::json;
use web::{Ctx, Json, Reply, Result, TokenId, sha256_hex};

use crate::model::SessionPatch;
use crate::store::{self, SESSIONS};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list_in(ctx.writing()?, &SESSIONS).await
}

pub async fn read(ctx: Ctx, TokenId(id): TokenId) -> Result {
    ctx.read(&SESSIONS, id).await
}

pub async fn update(ctx: Ctx, TokenId(id): TokenId, body: Json) -> Result {
    let (scope, batch) = ctx.writing()?;
    let patch = SessionPatch::read(&body.value, scope.now)?;
    ctx.change((scope, batch), &SESSIONS, id.clone(), [store::change(scope, &id, &patch)]).await
}

pub async fn delete(ctx: Ctx, TokenId(id): TokenId) -> Result {
    let (scope, batch) = ctx.writing()?;
    ctx.remove((scope, batch), &SESSIONS, id.clone(), [store::delete(scope, &id)]).await
}

pub async fn ticket(ctx: Ctx) -> Result {
    let user = ctx.user()?;
    let (scope, mut batch) = ctx.writing()?;
    let ticket = ctx.cx.token();
    batch.extend(::store::tickets::issue(scope, &sha256_hex(ticket.as_bytes()), &user.credential));
    batch.run(&*ctx.cx.ports.sql).await?;
    let expires: Millis = scope.now.plus(::store::tickets::LIFETIME_MS);
    let item = json!({"ticket": ticket, ctx.profile().key("expires_at"): expires.rfc3339()});
    Ok(Reply::Created { item: item.to_string(), location: String::new() })
}

//! Sessions that exist, and tickets. Each handler is one transaction; logging in is in `login`.

use serde_json::json;
use store::tickets;
use web::{Json, Reply, RequestCtx, Result, TokenId, sha256_hex};

use crate::model::SessionPatch;
use crate::sql::{self, SESSIONS};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list_in(ctx.write()?, &SESSIONS).await
}

pub async fn read(ctx: RequestCtx, TokenId(id): TokenId) -> Result {
    ctx.show(&SESSIONS, id).await
}

pub async fn update(ctx: RequestCtx, TokenId(id): TokenId, body: Json<SessionPatch>) -> Result {
    let mut tx = ctx.write_to(&SESSIONS, &id)?;
    let patch = body.read()?;
    patch.require_end_within_a_year(ctx.runtime.now)?;
    sql::update(&mut tx, &id, &patch);
    ctx.updated(tx, &SESSIONS, id).await
}

pub async fn delete(ctx: RequestCtx, TokenId(id): TokenId) -> Result {
    let mut tx = ctx.write_to(&SESSIONS, &id)?;
    sql::delete(&mut tx, &id);
    ctx.deleted(tx, &SESSIONS, id).await
}

pub async fn ticket(ctx: RequestCtx) -> Result {
    let me = ctx.user()?;
    let mut tx = ctx.write()?;
    let ticket = ctx.runtime.token();
    tickets::issue(&mut tx, &sha256_hex(ticket.as_bytes()), &me.credential);
    tx.run().await?;
    let expires_at = ctx.runtime.now.plus(tickets::LIFETIME_MS).rfc3339();
    let item = json!({"ticket": ticket, ctx.version().key("expires_at"): expires_at});
    Ok(Reply::Created { item: item.to_string(), location: String::new() })
}

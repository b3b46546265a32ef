//! The handlers of webhooks. Each is one transaction. Secrets are derived, never stored; only the owner's replies carry
//! them.

use domain::messages::{INTERNAL, UNAVAILABLE};
use domain::{Error, Id};
use protocol::webhook::{delivery_purpose, derive};
use serde_json::{Value, json};
use store::webhooks::WEBHOOKS;
use store::{rate_limit, watch};
use web::{Json, PathId, Reply, RequestCtx, Result};

use crate::model::{NewWebhook, WebhookPatch};
use crate::sql;

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list_in(ctx.write()?, &WEBHOOKS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&WEBHOOKS, id).await
}

pub async fn create(ctx: RequestCtx, body: Json<NewWebhook>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let webhook = body.read()?;
    webhook.check(&ctx.runtime.config.fetch_allow)?;
    sql::insert(&mut tx, &webhook);
    ctx.created(tx, &WEBHOOKS).await?.map_item(|item| with_secret(&ctx, item))
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<WebhookPatch>) -> Result {
    let mut tx = ctx.write_to(&WEBHOOKS, id)?;
    let patch = body.read()?;
    patch.check(&ctx.runtime.config.fetch_allow)?;
    sql::update(&mut tx, id, &patch);
    ctx.updated(tx, &WEBHOOKS, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&WEBHOOKS, id)?;
    sql::delete(&mut tx, id);
    ctx.deleted(tx, &WEBHOOKS, id).await
}

pub async fn rotate(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&WEBHOOKS, id)?;
    sql::require_owner(&mut tx, id);
    let retired = sql::rotate(&mut tx, id);
    let item = tx.item(&WEBHOOKS, id);
    let change = tx.change(&WEBHOOKS, id);
    let outcome = tx.run().await?;
    rate_limit::check(outcome.row(retired), sql::MAX_RETIRED - 1, ctx.runtime.now)?;
    ctx.publish(format!("webhooks/{id}"), watch::event(&WEBHOOKS, outcome.rows(change), ctx.runtime.now.0));
    Ok(Reply::Item(with_secret(&ctx, &outcome.item(item)?)?))
}

pub async fn secret(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&WEBHOOKS, id)?;
    sql::require_owner(&mut tx, id);
    let version = sql::version(&mut tx, id);
    let outcome = tx.run().await?;
    let version = outcome.row(version).and_then(|row| row.int("version")).unwrap_or(1);
    Ok(Reply::Item(json!({"secret": secret_text(&ctx, id, version)?, "version": version}).to_string()))
}

/// The secret of this version.
///
/// # Errors
///
/// `unavailable` where `RUNNER_KEY` is too short: with such a key anyone could sign.
fn secret_text(ctx: &RequestCtx, id: Id, version: i64) -> std::result::Result<String, Error> {
    let key = ctx.runtime.config.runner_key.as_bytes();
    if key.len() < 32 {
        return Err(UNAVAILABLE.error().cause("RUNNER_KEY is not set"));
    }
    Ok(derive(key, &delivery_purpose(id, version)).text())
}

/// The row with its secret. A repeat of a creation gets the secret of the first request.
fn with_secret(ctx: &RequestCtx, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    let number = |key: &str| json.get(key).and_then(Value::as_i64);
    // Version v0 writes ids as text.
    let id = number("id").or_else(|| domain::id::parse(json.get("id")?.as_str()?));
    let secret = secret_text(ctx, id.unwrap_or_default(), number("version").unwrap_or_default())?;
    let open = item.strip_suffix('}').unwrap_or(item);
    Ok(format!(r#"{open},"secret":"{secret}"}}"#))
}

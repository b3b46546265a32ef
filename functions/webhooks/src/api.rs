//! The handlers of webhooks. Each is one database batch. Secrets are derived, never stored: whoever may see one is given
//! it with the answer.

use ::store::list;
use domain::messages::{INTERNAL, UNAVAILABLE, WEBHOOK_LIMIT};
use domain::webhook::{delivery_purpose, derive};
use domain::{Error, Id};
use serde_json::{Value, json};
use web::{Ctx, Json, PathId, Reply, Result};

use crate::model::{NewWebhook, WebhookPatch};
use crate::store::{self, WEBHOOKS};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list_in(ctx.writing()?, &WEBHOOKS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&WEBHOOKS, id).await
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let webhook = NewWebhook::read(&body.value, &ctx.cx.config.fetch_allow)?;
    batch.meaning("conflict", &WEBHOOK_LIMIT);
    let insert = store::insert(scope, &webhook);
    let inserted = list::inserted(&WEBHOOKS, scope);
    match ctx.create(scope, batch, &body.hash, insert, inserted, [store::not_too_many(scope)]).await? {
        Reply::Created { item, location } => Ok(Reply::Created { item: with_secret(&ctx, &item)?, location }),
        other => Ok(other),
    }
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, batch) = ctx.writing()?;
    let patch = WebhookPatch::read(&body.value, &ctx.cx.config.fetch_allow)?;
    ctx.change((scope, batch), &WEBHOOKS, id, store::change(scope, id, &patch)).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, batch) = ctx.writing()?;
    ctx.remove((scope, batch), &WEBHOOKS, id, [store::delete(scope, id)]).await
}

pub async fn rotate(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(list::writable(&WEBHOOKS, scope, id));
    let [own, _] = store::own_version(scope, id);
    batch.push(own);
    batch.extend(store::rotate(scope, id));
    let item = batch.push(list::item(&WEBHOOKS, scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(with_secret(&ctx, &outcome.item(item)?)?))
}

pub async fn secret(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(list::writable(&WEBHOOKS, scope, id));
    let [own, version] = store::own_version(scope, id);
    batch.push(own);
    let version = batch.push(version);
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let version = outcome.rows(version).first().and_then(|row| row.int("version")).unwrap_or(1);
    Ok(Reply::Item(json!({"secret": text(&ctx, id, version)?, "version": version}).to_string()))
}

fn text(ctx: &Ctx, id: Id, version: i64) -> std::result::Result<String, Error> {
    let key = ctx.cx.config.runner_key.as_bytes();
    // With a short key anyone could sign.
    if key.len() < 32 {
        return Err(UNAVAILABLE.error().cause("RUNNER_KEY is not set"));
    }
    Ok(derive(key, &delivery_purpose(id, version)).text())
}

/// The item with its secret. A repeat of a creation gives the same.
fn with_secret(ctx: &Ctx, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    // Profile v0 writes ids as text.
    let id = json["id"].as_i64().or_else(|| domain::id::parse(json["id"].as_str()?));
    let secret = text(ctx, id.unwrap_or_default(), json["version"].as_i64().unwrap_or_default())?;
    let open = item.strip_suffix('}').unwrap_or(item);
    Ok(format!(r#"{open},"secret":"{secret}"}}"#))
}

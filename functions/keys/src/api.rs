//! The handlers: authorise, validate, store, reply. Each is one transaction.

use domain::api_key::{prefix, text};
use domain::messages::INTERNAL;
use domain::{Error, Id};
use serde_json::Value;
use web::form::require_future;
use web::{Json, PathId, RequestCtx, Result};

use crate::model::{KeyPatch, NewKey};
use crate::sql::{self, KEYS};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list_in(ctx.write()?, &KEYS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&KEYS, id).await
}

pub async fn create(ctx: RequestCtx, body: Json<NewKey>) -> Result {
    let me = ctx.user()?;
    let mut tx = ctx.write()?;
    let new = body.read()?;
    require_future("expires_at", new.expires_at, ctx.runtime.now)?;
    let scopes = new.scopes()?;
    let nonce = format!("{}{}", ctx.runtime.token(), ctx.runtime.token());
    let text = texts(&ctx, me.id, &nonce).next().ok_or_else(|| INTERNAL.error().cause("JWT_KEYS is not set"))?;
    let parent = me.credential.key();
    // Before `once`: repeating a creation with a lesser key must not show the key.
    sql::require_scopes_of_parent(&mut tx, &scopes, parent);
    ctx.once(&mut tx, &body.hash)?;
    sql::insert(&mut tx, &new, &scopes, &text, parent);
    tx.answer(sql::inserted(tx.scope, &nonce));
    sql::require_within_limit(&mut tx);
    ctx.created_answer(tx).await?.map_item(|item| with_text(&ctx, me.id, item))
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<KeyPatch>) -> Result {
    let with_key = ctx.user()?.credential.key().is_some();
    let mut tx = ctx.write_to(&KEYS, id)?;
    let patch = body.read()?;
    let scopes = patch.scopes()?;
    sql::update(&mut tx, id, &patch, scopes.as_deref(), with_key);
    ctx.updated(tx, &KEYS, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&KEYS, id)?;
    sql::delete(&mut tx, id);
    ctx.deleted(tx, &KEYS, id).await
}

/// The possible texts of a key with this nonce, one for each signing key of the deployment. A new key takes the first.
fn texts(ctx: &RequestCtx, user: Id, nonce: &str) -> impl Iterator<Item = String> {
    ctx.runtime.config.jwt_keys.iter().map(move |(_, key)| text(key.as_bytes(), user, nonce))
}

/// Replaces the nonce in `key` by the key's text. A repeat derives the same text from the stored response, which holds
/// no secret: without the deployment's signing key a nonce is only a number.
fn with_text(ctx: &RequestCtx, user: Id, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    let field = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
    let (nonce, shown) = (field("key"), field("prefix"));
    let text = texts(ctx, user, nonce).find(|text| prefix(text) == shown);
    let text = text.ok_or_else(|| INTERNAL.error().cause("the key that made an API key has left JWT_KEYS"))?;
    Ok(item.replace(nonce, &text))
}

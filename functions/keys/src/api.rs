//! The handlers: authorise, validate, store, reply. Each is one database batch.

use domain::api_key::{prefix, text};
use domain::messages::{INTERNAL, TOO_MANY_KEYS};
use domain::{Error, Id};
use serde_json::Value;
use web::{Ctx, Json, PathId, Reply, Result, sha256_hex};

use crate::model::{KeyPatch, NewKey};
use crate::store::{self, KEYS};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list_in(ctx.writing()?, &KEYS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&KEYS, id).await
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let me = ctx.user()?;
    let (scope, mut batch) = ctx.writing()?;
    let new = NewKey::read(&body.value, scope.now)?;
    let nonce = format!("{}{}", ctx.cx.token(), ctx.cx.token());
    let text = texts(&ctx, me.id, &nonce).next().ok_or_else(|| INTERNAL.error().cause("JWT_KEYS is not set"))?;
    let maker = me.credential.key();
    batch.extend(maker.map(|maker| store::no_more_than(scope, &new, maker)));
    batch.meaning("too_many", &TOO_MANY_KEYS);
    let insert = store::insert(scope, &new, &sha256_hex(text.as_bytes()), prefix(&text), maker);
    let (inserted, limit) = (store::inserted(scope, &nonce), store::not_too_many(scope));
    match ctx.create(scope, batch, &body.hash, insert, inserted, [limit]).await? {
        Reply::Created { item, location } => Ok(Reply::Created { item: with_text(&ctx, me.id, &item)?, location }),
        other => Ok(other),
    }
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let me = ctx.user()?;
    let (scope, batch) = ctx.writing()?;
    let patch = KeyPatch::read(&body.value)?;
    let changes = store::change(scope, id, &patch, me.credential.key().is_some());
    ctx.change((scope, batch), &KEYS, id, changes).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, batch) = ctx.writing()?;
    ctx.remove((scope, batch), &KEYS, id, [store::delete(scope, id)]).await
}

/// The texts a nonce can stand for: the deployment's keys sign in turn, the first now.
fn texts(ctx: &Ctx, user: Id, nonce: &str) -> impl Iterator<Item = String> {
    ctx.cx.config.jwt_keys.iter().map(move |(_, key)| text(key.as_bytes(), user, nonce))
}

/// The item with the key's text where the nonce was. A repeat gives the same one, and what is stored for repeats holds
/// nothing anyone could use: without the deployment's key a nonce is only a number.
fn with_text(ctx: &Ctx, user: Id, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    let field = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
    let (nonce, shown) = (field("key"), field("prefix"));
    let text = texts(ctx, user, nonce).find(|text| prefix(text) == shown);
    let text = text.ok_or_else(|| INTERNAL.error().cause("the key that made an API key has left JWT_KEYS"))?;
    Ok(item.replace(nonce, &text))
}

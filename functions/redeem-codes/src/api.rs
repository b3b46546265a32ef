//! The handlers: authorise, validate, store, reply. Each is one database batch.

use ::store::sessions;
use domain::Error;
use domain::messages::INTERNAL;
use domain::redeem::{digits, grouped, prefix};
use serde_json::Value;
use web::{Ctx, Json, PathId, Reply, Result, sha256_hex};

use crate::model::NewCodes;
use crate::store::{self, CODES};

pub async fn list(ctx: Ctx) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.push(sessions::admin(scope));
    ctx.list_in((scope, batch), &CODES).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&CODES, id).await
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let new = NewCodes::read(&body.value, scope.now)?;
    batch.push(sessions::admin(scope));
    let nonce = format!("{}{}", ctx.cx.token(), ctx.cx.token());
    let (_, key) = ctx.cx.config.jwt_keys.first().ok_or_else(|| INTERNAL.error().cause("JWT_KEYS is not set"))?;
    let codes = (0..new.count).map(|number| {
        let code = digits(key.as_bytes(), &nonce, number);
        (sha256_hex(code.as_bytes()), prefix(&code).to_string())
    });
    let insert = store::insert(scope, &new, &nonce, codes);
    match ctx.create(scope, batch, &body.hash, insert, store::inserted(scope, &nonce), []).await? {
        Reply::Created { item, location } => Ok(Reply::Created { item: with_codes(&ctx, &item)?, location }),
        other => Ok(other),
    }
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, batch) = ctx.writing()?;
    ctx.remove((scope, batch), &CODES, id, [store::delete(scope, id)]).await
}

/// The item with each code where the nonce was. A repeat gives the same ones, and what is stored for repeats holds
/// nothing anyone could use: without the deployment's key a nonce is only a number.
fn with_codes(ctx: &Ctx, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    let first = |name: &str| json.pointer(&format!("/codes/0/{name}")).and_then(Value::as_str);
    let (Some(nonce), Some(shown)) = (first("code").filter(|nonce| !nonce.is_empty()), first("prefix")) else {
        return Err(INTERNAL.error().cause("new codes lack their columns"));
    };
    // Any key of the deployment may have made them, if it is the repeat of an earlier creation.
    let keys = ctx.cx.config.jwt_keys.iter().map(|(_, key)| key.as_bytes());
    let key = keys.into_iter().find(|key| prefix(&digits(key, nonce, 0)) == shown);
    let key = key.ok_or_else(|| INTERNAL.error().cause("the key that made the codes has left JWT_KEYS"))?;
    let mut whole = String::with_capacity(item.len());
    for (i, piece) in item.split(nonce).enumerate() {
        if let Some(number) = i.checked_sub(1) {
            whole.push_str(&grouped(&digits(key, nonce, number)));
        }
        whole.push_str(piece);
    }
    Ok(whole)
}

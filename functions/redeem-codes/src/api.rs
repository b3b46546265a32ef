//! The handlers: authorise, validate, store, reply. Each is one transaction.

use domain::Error;
use domain::messages::INTERNAL;
use domain::redeem_code::{digits, grouped, prefix};
use serde_json::Value;
use store::redeem::CODES;
use web::{Json, PathId, RequestCtx, Result, sha256_hex};

use crate::model::NewCodes;
use crate::sql;

pub async fn list(ctx: RequestCtx) -> Result {
    let tx = ctx.write_as_admin()?;
    ctx.list_in(tx, &CODES).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&CODES, id).await
}

pub async fn create(ctx: RequestCtx, body: Json<NewCodes>) -> Result {
    let mut tx = ctx.write_as_admin()?;
    ctx.once(&mut tx, &body.hash)?;
    let new = body.read()?;
    new.check(ctx.runtime.now)?;
    let nonce = format!("{}{}", ctx.runtime.token(), ctx.runtime.token());
    let key = ctx.runtime.config.jwt_keys.first().map(|(_, key)| key.as_bytes());
    let key = key.ok_or_else(|| INTERNAL.error().cause("JWT_KEYS is not set"))?;
    let codes = (0..new.count).map(|number| {
        let code = digits(key, &nonce, number);
        (sha256_hex(code.as_bytes()), prefix(&code).to_string())
    });
    sql::insert(&mut tx, &new, &nonce, codes);
    tx.answer(sql::inserted(tx.scope, &nonce));
    ctx.created_answer(tx).await?.map_item(|item| with_codes(&ctx, item))
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&CODES, id)?;
    sql::delete(&mut tx, id);
    ctx.deleted(tx, &CODES, id).await
}

/// Replaces each nonce of `sql::inserted` by the code derived from it. A repeat gets the codes of the first request,
/// though only the nonce was stored, which is useless without the deployment's key.
fn with_codes(ctx: &RequestCtx, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    let first = |name: &str| json.pointer(&format!("/codes/0/{name}")).and_then(Value::as_str);
    let (Some(nonce), Some(shown)) = (first("code").filter(|nonce| !nonce.is_empty()), first("prefix")) else {
        return Err(INTERNAL.error().cause("new codes lack their columns"));
    };
    // The codes of a repeat may be of any key of the deployment.
    let mut keys = ctx.runtime.config.jwt_keys.iter().map(|(_, key)| key.as_bytes());
    let key = keys.find(|key| prefix(&digits(key, nonce, 0)) == shown);
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

//! The handlers: authorise, validate, store, reply. Each is one transaction; a new password takes one before it.

use store::{users, watch};
use web::{Json, Reply, RequestCtx, Result};

use crate::model::AccountPatch;
use crate::sql;

pub async fn read(ctx: RequestCtx) -> Result {
    let me = ctx.user()?;
    let mut tx = ctx.write()?;
    let item = tx.push(sql::item(tx.scope, me.credential.session()));
    Ok(Reply::Item(tx.run().await?.item(item)?))
}

pub async fn update(ctx: RequestCtx, body: Json<AccountPatch>) -> Result {
    let me = ctx.user()?;
    let patch = body.read()?;
    let password = match patch.password_change()? {
        Some((new, current)) => Some(ctx.new_password(me.id, new, Some(current)).await?),
        None => None,
    };
    let mut tx = ctx.write()?;
    let session = me.credential.session();
    sql::update(&mut tx, me.id, &patch, password.as_ref(), session);
    let item = tx.push(sql::item(tx.scope, session));
    let change = tx.change(&users::USERS, me.id);
    let outcome = tx.run().await?;
    let event = watch::event(&users::USERS, outcome.rows(change), ctx.runtime.now.0);
    ctx.publish(format!("users/{}", me.id), event);
    Ok(Reply::Item(outcome.item(item)?))
}

//! The handlers: authorise, validate, store, reply. Each is one transaction; a new password takes one before it.
//! Signing up is in `signup`.

use store::users::USERS;
use web::{Json, PathId, RequestCtx, Result};

use crate::model::UserPatch;
use crate::sql;

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&USERS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&USERS, id).await
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<UserPatch>) -> Result {
    let me = ctx.user()?;
    let patch = body.read()?;
    let password = match patch.password_change(id == me.id)? {
        Some((new, current)) => Some(ctx.new_password(id, new, current).await?),
        None => None,
    };
    let mut tx = ctx.write_to(&USERS, id)?;
    sql::update(&mut tx, id, &patch, password.as_ref(), me.credential.session());
    ctx.updated(tx, &USERS, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&USERS, id)?;
    sql::delete(&mut tx, id);
    let reply = ctx.deleted(tx, &USERS, id).await?;
    // The sweeper deletes the stored objects.
    ctx.wake_sweeper();
    Ok(reply)
}

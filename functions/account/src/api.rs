//! The handlers: authorise, validate, store, reply. Each is one database batch; a new password takes one before it.

use ::store::{users, watch};
use domain::messages::EMAIL_TAKEN;
use web::{Ctx, Json, Reply, Result};

use crate::model::AccountPatch;
use crate::store;

pub async fn read(ctx: Ctx) -> Result {
    let me = ctx.user()?;
    let (scope, mut batch) = ctx.reading()?;
    let item = batch.push(store::item(scope, &me.credential));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn update(ctx: Ctx, body: Json) -> Result {
    let me = ctx.user()?;
    let patch = AccountPatch::read(&body.value)?;
    let new = match &patch.password {
        Some((new, current)) => Some(ctx.new_password(me.id, new, Some(current)).await?),
        None => None,
    };
    let changes = users::Changes {
        name: patch.name.as_deref(),
        email: patch.email.as_deref(),
        admin: None,
        password: new.as_ref().map(|new| (new.phc.as_str(), new.was.as_str())),
    };
    let (scope, mut batch) = ctx.writing()?;
    batch.unique("users.email", &EMAIL_TAKEN, "email");
    batch.extend(users::change(scope, me.id, &changes, me.credential.session().unwrap_or_default()));
    let item = batch.push(store::item(scope, &me.credential));
    let event = batch.push(watch::change(&users::USERS, scope, me.id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    ctx.tell(format!("users/{}", me.id), watch::event(outcome.rows(event), scope.now.0));
    Ok(Reply::Item(outcome.item(item)?))
}

//! The handlers: authorise, validate, store, reply. Each is one transaction; hints are delivered after the reply.

use domain::messages::NO_PRICE;
use store::{args, list, tasks, watch, webhooks};
use submit::{InferenceForm, Submission};
use web::{Json, PathId, Reply, RequestCtx, Result};

use crate::model::TaskPatch;
use crate::sql::{self, TASKS};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&TASKS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    if ctx.wants_socket() { ctx.watch(&tasks::FRAMES, id.into()).await } else { ctx.show(&TASKS, id).await }
}

pub async fn events(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.events(&tasks::FRAMES, id.into()).await
}

pub async fn create(ctx: RequestCtx, body: Json<InferenceForm>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let nonce = Submission::of_form(&ctx, body.read()?)?.insert(&mut tx, &ctx, &NO_PRICE);
    tx.answer(list::item_where(&TASKS, tx.scope, "t.nonce = :nonce", args! { nonce }));
    let created = ctx.created_answer(tx).await?;
    ctx.flush_outbox();
    Ok(created)
}

/// Publishes nothing: frames show neither the name nor `public`.
pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<TaskPatch>) -> Result {
    let mut tx = ctx.write_to(&TASKS, id)?;
    sql::update(&mut tx, id, &body.read()?);
    let item = tx.item(&TASKS, id);
    Ok(Reply::Item(tx.run().await?.item(item)?))
}

pub async fn cancel(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&TASKS, id)?;
    sql::require_unfinished(&mut tx, id);
    tasks::cancel(&mut tx, id);
    let item = tx.item(&TASKS, id);
    let change = tx.change(&tasks::FRAMES, id);
    let ended = webhooks::ended(&mut tx, ":id", args! { id });
    let outcome = tx.run().await?;
    ctx.publish(format!("tasks/{id}"), watch::event(&tasks::FRAMES, outcome.rows(change), ctx.runtime.now.0));
    ctx.publish_all(webhooks::events_of(outcome.rows(ended)));
    ctx.flush_outbox();
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&TASKS, id)?;
    tasks::delete(&mut tx, id);
    let ended = webhooks::ended(&mut tx, ":id", args! { id });
    let outcome = tx.run().await?;
    ctx.publish(format!("tasks/{id}"), watch::gone(ctx.runtime.now.0));
    ctx.publish_all(webhooks::events_of(outcome.rows(ended)));
    ctx.flush_outbox();
    Ok(Reply::Done)
}

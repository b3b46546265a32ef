//! The handlers: authorise, validate, store, reply. Each is one transaction; hints are delivered after the reply.

use domain::messages::NO_PRICE;
use store::tasks::{self, News};
use store::{args, list, watch};
use submit::{Submission, Training};
use web::{Json, PathId, Reply, RequestCtx, Result};

use crate::model::{TaskForm, TaskPatch};
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

pub async fn create(ctx: RequestCtx, body: Json<TaskForm>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let defaults = submit::load_defaults(&ctx).await?;
    let nonce = match body.read_after(|body| TaskForm::fill(body, &defaults))? {
        TaskForm::Inference(form) => Submission::of_form(&ctx, *form)?.insert(&mut tx, &ctx, &NO_PRICE),
        TaskForm::Training(form) => Training::of_form(&ctx, *form)?.insert(&mut tx, &ctx, &NO_PRICE),
    };
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
    let news = News::of_end(&mut tx, "t.id = :id", args! { id });
    let outcome = tx.run().await?;
    ctx.publish_all(news.events(&outcome));
    ctx.flush_outbox();
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&TASKS, id)?;
    let news = tasks::delete(&mut tx, id);
    let outcome = tx.run().await?;
    let gone = (format!("tasks/{id}"), watch::gone(ctx.runtime.now.0));
    ctx.publish_all(news.events(&outcome).into_iter().chain([gone]).collect());
    ctx.flush_outbox();
    Ok(Reply::Done)
}

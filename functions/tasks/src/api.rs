//! The handlers. Each is one database batch; delivery of hints goes on after the reply.

use ::store::{list, outbox, queueing, tasks, watch, webhooks};
use domain::messages::{MODEL_NOT_READY, NO_PRICE, TASK_ENDED};
use domain::outbound;
use ports::{Rows, Stmt};
use web::{Ctx, Json, PathId, Reply, Result};

use crate::model::{self, NewTask};
use crate::models;
use crate::store::{self, TASKS};

pub async fn list(ctx: Ctx) -> Result {
    ctx.list(&TASKS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    if ctx.wants_socket() { ctx.watch(&tasks::FRAMES, id.into()).await } else { ctx.read(&TASKS, id).await }
}

pub async fn events(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.events(&tasks::FRAMES, id.into()).await
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let task = NewTask::read(&body.value, |url, field| ctx.picture(url, field), || ctx.cx.token())?;
    if let Some(url) = &task.webhook {
        outbound::admit(url, &ctx.cx.config.fetch_allow, "webhook")?;
    }
    let nonce = ctx.cx.token();
    let queued = task.queued(&ctx, &nonce);
    batch.meaning("gone", &NO_PRICE);
    batch.meaning("conflict", &MODEL_NOT_READY);
    let mut insert: Vec<Stmt> = task.models.iter().flat_map(|named| named.usable(scope)).collect();
    insert.extend(task.webhook.iter().map(|url| webhooks::for_task(scope, url)));
    insert.extend([queueing::priced(scope, &queued), queueing::insert(scope, &queued)]);
    insert.extend(task.models.iter().map(|named| named.settle(scope, &nonce)));
    let hint = outbox::hints(scope, "t.nonce = ?3", [nonce.as_str().into()]);
    match ctx.create(scope, batch, &body.hash, insert, list::inserted(&TASKS, scope), [hint]).await {
        Ok(reply) => {
            ctx.deliver();
            Ok(reply)
        }
        Err(failure) => Err(models::named(&*ctx.cx.ports.sql, scope, &task.models, failure.into()).await.into()),
    }
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let patch = model::PATCH.patch(&body.value)?;
    batch.extend(list::writable(&TASKS, scope, id));
    batch.push(store::update(scope, id, &patch));
    let item = batch.push(list::item(&TASKS, scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn cancel(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(list::writable(&TASKS, scope, id));
    batch.meaning("conflict", &TASK_ENDED);
    batch.push(store::not_ended(scope, id));
    batch.extend(tasks::cancel(scope, id));
    let item = batch.push(list::item(&TASKS, scope, id));
    let event = batch.push(watch::change(&tasks::FRAMES, scope, id));
    let news = batch.push(webhooks::ended(scope, "?3", [id.into()]));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    ctx.tell(format!("tasks/{id}"), watch::event(outcome.rows(event), ctx.cx.now.0));
    ctx.tell_all(webhooks::told(outcome.rows(news)));
    ctx.deliver();
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(list::writable(&TASKS, scope, id));
    batch.extend(tasks::discard(scope, "?3", [id.into()]));
    batch.push(store::delete(scope, id));
    let news = batch.push(webhooks::ended(scope, "?3", [id.into()]));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    ctx.tell(format!("tasks/{id}"), watch::event(&Rows::default(), ctx.cx.now.0));
    ctx.tell_all(webhooks::told(outcome.rows(news)));
    ctx.deliver();
    Ok(Reply::Done)
}

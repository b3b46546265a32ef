//! The handlers. Each is one database batch, but for a submission, which is two: what the model is, then the task.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use domain::messages::{TASK_ENDED, UNAVAILABLE, UNKNOWN_MODEL};
use domain::{search, task, taskno};
use serde_json::json;
use store::points::POINTS;
use store::queueing::{self, NewTask};
use store::{idempotency, list, outbox, tasks, watch, webhooks};
use web::{Ctx, Json, Reply, Result, axum};

use crate::model::{Order, task_no};
use crate::store::{ENTRIES, balance as balance_of, cancelable, model, read_model, read_size, size_of, submitted};

/// How often a number is drawn anew. There are ten thousand in each millisecond.
const DRAWS: u32 = 8;

/// The task whose number a path ends with; empty, which is no task's, when that is none.
pub struct TaskNo(String);

impl<S: Send + Sync> FromRequestParts<S> for TaskNo {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<TaskNo, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        let sent = params.iter().flatten().find(|(name, _)| *name == "taskNo").map(|(_, value)| value.to_string());
        Ok(TaskNo(sent.filter(|text| taskno::is_number(text)).unwrap_or_default()))
    }
}

pub async fn submit(ctx: Ctx, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let order = Order::read(&body.value, |url| ctx.picture(url, "imageUrl"))?;
    let key = ctx.idempotency(&body.hash)?;
    // A repeat is answered whatever has become of the model.
    batch.extend(key.iter().flat_map(|key| idempotency::guard(scope, key)));
    let model = batch.push(model(scope, &order.model_name));
    let first = order.pictures.first().and_then(|url| ctx.own_file(url));
    let first = first.map(|key| batch.push(size_of(scope, key)));
    let outcome = match batch.run(&*ctx.cx.ports.sql).await {
        Ok(outcome) => outcome,
        Err(error) => return ctx.repeated(scope, key.as_ref(), error).await,
    };
    let model = read_model(outcome.rows(model))?;
    let start = first.and_then(|slot| read_size(outcome.rows(slot)));
    let params = order.params(&model, start, &ctx.cx.token())?;
    let written = json!(params).to_string();
    let name: String = order.prompt.chars().take(80).collect();
    let pairs = search::index(&order.prompt);
    let work = task::work(params.width, params.height, params.num_inference_steps, params.n);
    for _ in 0..DRAWS {
        let (number, nonce) = (task_no(ctx.cx.now, &ctx.cx.token()), ctx.cx.token());
        let queued = NewTask {
            name: &name,
            public: false,
            params: &written,
            pairs: &pairs,
            nonce: &nonce,
            task_no: Some(&number),
            model_name: Some(&order.model_name),
            task_type: &model.task_type,
            pictures: params.n,
            work,
            origin: ctx.origin(),
            webhook: None,
            deadline_ms: ctx.cx.config.points_deadline_ms,
        };
        let (scope, mut batch) = ctx.writing()?;
        batch.meaning("gone", &UNKNOWN_MODEL);
        batch.unique("tasks.task_no", &UNAVAILABLE, "taskNo");
        let hint = outbox::hints(scope, "t.nonce = ?3", [nonce.as_str().into()]);
        let insert = [queueing::priced(scope, &queued), queueing::insert(scope, &queued)];
        match ctx.create(scope, batch, &body.hash, insert, submitted(scope), [hint]).await {
            Err(taken) if taken.0.field.as_deref() == Some("taskNo") => {}
            outcome => {
                ctx.deliver();
                return outcome;
            }
        }
    }
    Err(UNAVAILABLE.error().retry_after(1).cause("no task number was free").into())
}

pub async fn list(ctx: Ctx) -> Result {
    ctx.list_in(ctx.writing()?, &POINTS).await
}

pub async fn read(ctx: Ctx, TaskNo(number): TaskNo) -> Result {
    if ctx.wants_socket() {
        return ctx.watch_where(&tasks::FRAMES, "t.task_no = ?3 AND t.user_id = ?1", number.into()).await;
    }
    let (scope, mut batch) = ctx.writing()?;
    let item = batch.push(list::item_where(&POINTS, scope, "t.task_no = ?3", [number.into()]));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn cancel(ctx: Ctx, TaskNo(number): TaskNo) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let named = || [number.as_str().into()];
    batch.meaning("conflict", &TASK_ENDED);
    batch.extend(cancelable(scope, &number));
    batch.extend(tasks::cancel_where(scope, "task_no = ?3", named()));
    let item = batch.push(list::item_where(&POINTS, scope, "t.task_no = ?3", named()));
    let change = batch.push(watch::change_where(&tasks::FRAMES, scope, "t.task_no = ?3", named()));
    let news = batch.push(webhooks::ended(scope, "SELECT id FROM tasks WHERE task_no = ?3", named()));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    ctx.tell_all(watch::events(&tasks::FRAMES, outcome.rows(change)));
    ctx.tell_all(webhooks::told(outcome.rows(news)));
    ctx.deliver();
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn balance(ctx: Ctx) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let item = batch.push(balance_of(scope));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn entries(ctx: Ctx) -> Result {
    ctx.list_in(ctx.writing()?, &ENTRIES).await
}

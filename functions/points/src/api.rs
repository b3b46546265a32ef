//! The handlers. Each is one database batch, but for a submission, which is two (what the model is, then the task), and a
//! redeem code (the try, then the grant).

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use domain::messages::{TASK_ENDED, UNAVAILABLE, UNKNOWN_MODEL};
use domain::{search, task, taskno};
use serde_json::json;
use store::points::POINTS;
use store::queueing::{self, NewTask};
use store::{idempotency, limits, list, outbox, redeem, tasks, watch, webhooks};
use web::{Ctx, Json, Reply, Result, axum, sha256_hex};

use crate::model::{Order, REDEEM, task_no};
use crate::store::{self as rows, ENTRIES};

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
    let model = batch.push(rows::model(scope, &order.model_name));
    let first = order.pictures.first().and_then(|url| ctx.own_file(url));
    let first = first.map(|key| batch.push(rows::size_of(scope, key)));
    let outcome = match batch.run(&*ctx.cx.ports.sql).await {
        Ok(outcome) => outcome,
        Err(error) => return ctx.repeated(scope, key.as_ref(), error).await,
    };
    let model = rows::read_model(outcome.rows(model))?;
    let start = first.and_then(|slot| rows::read_size(outcome.rows(slot)));
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
        match ctx.create(scope, batch, &body.hash, insert, rows::submitted(scope), [hint]).await {
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
    batch.extend(rows::cancelable(scope, &number));
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
    let item = batch.push(rows::balance(scope));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn entries(ctx: Ctx) -> Result {
    ctx.list_in(ctx.writing()?, &ENTRIES).await
}

/// Tries of redeem codes a user has in an hour. A code has 100 bits: this is only to be told soon that one is mistyped.
const TRIES: i64 = 20;
const WINDOW_MS: i64 = 60 * 60 * 1000;

/// Two batches: a try counts, whatever becomes of it; a good one is taken back.
pub async fn redeem(ctx: Ctx, body: Json) -> Result {
    let (scope, mut ask) = ctx.writing()?;
    let values = REDEEM.create(&body.value)?;
    let digits = domain::redeem::read(&values.text("code").unwrap_or_default()).unwrap_or_default();
    let key = ctx.idempotency(&body.hash)?;
    ask.extend(key.iter().flat_map(|key| idempotency::guard(scope, key)));
    let bucket = format!("redeem:{}", scope.me);
    let tally = ask.push(limits::tally(scope, &bucket, WINDOW_MS));
    let tried = match ask.run(&*ctx.cx.ports.sql).await {
        Ok(outcome) => outcome,
        Err(error) => return ctx.repeated(scope, key.as_ref(), error).await,
    };
    limits::within(tried.rows(tally), TRIES, scope.now)?;
    let (scope, mut batch) = ctx.writing()?;
    let grant = redeem::redeem(&mut batch, scope, &sha256_hex(digits.as_bytes()));
    let forgiven = limits::forgive(scope, &bucket);
    ctx.create(scope, batch, &body.hash, grant, rows::redeemed(scope), [forgiven]).await
}

pub async fn notifications(ctx: Ctx) -> Result {
    if ctx.wants_socket() {
        return ctx.watch_where(&webhooks::NOTIFICATIONS, "t.user_id = ?1", ports::Value::Null).await;
    }
    let (scope, mut batch) = ctx.writing()?;
    let item = batch.push(rows::standing(scope));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(outcome.item(item)?))
}

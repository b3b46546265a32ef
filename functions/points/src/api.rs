//! The handlers. Each is one transaction, except a submission (the model, then the task) and a redeem code (the count
//! of tries, then the grant).

use domain::messages::{UNAVAILABLE, UNKNOWN_MODEL};
use store::points_api::POINTS_TASKS;
use store::tasks::{self, News};
use store::webhooks::NOTIFICATIONS;
use store::{FirstOrRepeat, args, list, rate_limit, redeem};
use submit::{Price, Submission, name_of};
use web::{Json, Reply, RequestCtx, Result, sha256_hex};

use crate::entries::ENTRIES;
use crate::model::{RedeemForm, SubmitForm};
use crate::sql;
use crate::task_no::{self, TaskNo};

/// Numbers drawn for one task until one is free. There are ten thousand in each millisecond.
const MAX_DRAWS: u32 = 8;

/// Redeem codes a user may try in an hour. A code has 100 bits, so this only tells early that one is mistyped.
const MAX_TRIES: i64 = 20;
const WINDOW_MS: i64 = 60 * 60 * 1000;

pub async fn submit(ctx: RequestCtx, body: Json<SubmitForm>) -> Result {
    // A repeat is answered whatever has become of the model.
    let mut tx = ctx.write_once(&body.hash)?;
    let form = body.read()?;
    let images = form.images()?;
    images.iter().try_for_each(|url| ctx.check_image_url(url, "imageUrl"))?;
    let model = sql::model(&mut tx, &form.model_name);
    let start_size = images.first().and_then(|url| ctx.own_file(url)).map(|key| sql::image_size(&mut tx, key));
    let outcome = match tx.run_once().await? {
        FirstOrRepeat::First(outcome) => outcome,
        FirstOrRepeat::Repeat(stored) => return Ok(Reply::repeat(stored)),
    };
    let model = sql::read_model(&outcome, model)?;
    let start_size = start_size.and_then(|size| sql::read_image_size(&outcome, size));
    let params = model.draw_params(&form.prompt, images, start_size, &ctx.runtime.token())?;
    let mut submission = Submission {
        name: name_of(&params.prompt),
        public: false,
        params,
        tags: Vec::new(),
        webhook: None,
        price: Price::Model { name: form.model_name, task_type: model.task_type },
        task_no: None,
        deadline_ms: ctx.runtime.config.points_deadline_ms,
    };
    for _ in 0..MAX_DRAWS {
        submission.task_no = Some(task_no::draw(ctx.runtime.now, &ctx.runtime.token()));
        let mut tx = ctx.write_once(&body.hash)?;
        tx.unique("tasks.task_no", UNAVAILABLE.on("taskNo"));
        let nonce = submission.insert(&mut tx, &ctx, UNKNOWN_MODEL.on("modelName"));
        tx.answer(sql::submitted(&nonce));
        match ctx.created_answer(tx).await {
            Err(taken) if taken.0.field.as_deref() == Some("taskNo") => {}
            reply => {
                ctx.flush_outbox();
                return reply;
            }
        }
    }
    Err(UNAVAILABLE.error().retry_after(1).cause("no task number was free").into())
}

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list_in(ctx.write()?, &POINTS_TASKS).await
}

pub async fn read(ctx: RequestCtx, TaskNo(task_no): TaskNo) -> Result {
    if ctx.wants_socket() {
        let own = "t.task_no = :task_no AND t.user_id = :me";
        return ctx.watch_where(&tasks::FRAMES, own, args! { task_no }).await;
    }
    let mut tx = ctx.write()?;
    let item = tx.push(list::item_where(&POINTS_TASKS, tx.scope, "t.task_no = :task_no", args! { task_no }));
    Ok(Reply::Item(tx.run().await?.item(item)?))
}

pub async fn cancel(ctx: RequestCtx, TaskNo(task_no): TaskNo) -> Result {
    let mut tx = ctx.write()?;
    let named = args! { task_no: &task_no };
    sql::require_cancelable(&mut tx, &task_no);
    tasks::cancel_where(&mut tx, "task_no = :task_no", named.clone());
    let item = tx.push(list::item_where(&POINTS_TASKS, tx.scope, "t.task_no = :task_no", named.clone()));
    let news = News::of_end(&mut tx, "t.task_no = :task_no", named);
    let outcome = tx.run().await?;
    ctx.publish_all(news.events(&outcome));
    ctx.flush_outbox();
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn balance(ctx: RequestCtx) -> Result {
    let mut tx = ctx.write()?;
    let item = sql::balance(&mut tx);
    Ok(Reply::Item(tx.run().await?.item(item)?))
}

pub async fn entries(ctx: RequestCtx) -> Result {
    ctx.list_in(ctx.write()?, &ENTRIES).await
}

/// A try counts whatever comes of it; one that succeeds is taken back.
pub async fn redeem(ctx: RequestCtx, body: Json<RedeemForm>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let digits = domain::redeem_code::read(&body.read()?.code).unwrap_or_default();
    let bucket = format!("redeem:{}", tx.scope.me);
    let tries = rate_limit::count(&mut tx, &bucket, WINDOW_MS);
    let outcome = match tx.run_once().await? {
        FirstOrRepeat::First(outcome) => outcome,
        FirstOrRepeat::Repeat(stored) => return Ok(Reply::repeat(stored)),
    };
    rate_limit::check(outcome.row(tries), MAX_TRIES, ctx.runtime.now)?;
    let mut tx = ctx.write_once(&body.hash)?;
    redeem::redeem(&mut tx, &sha256_hex(digits.as_bytes()));
    tx.answer(sql::redeemed());
    rate_limit::uncount(&mut tx, &bucket);
    ctx.created_answer(tx).await
}

pub async fn notifications(ctx: RequestCtx) -> Result {
    if ctx.wants_socket() {
        return ctx.watch_where(&NOTIFICATIONS, "t.user_id = :me", []).await;
    }
    let mut tx = ctx.write()?;
    let item = sql::notification_snapshot(&mut tx);
    Ok(Reply::Item(tx.run().await?.item(item)?))
}

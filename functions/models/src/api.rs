//! The handlers: authorise, validate, store, reply. Each is one transaction.

use domain::messages::{NO_PRICE, NOT_FOUND};
use store::models::MODELS;
use store::tasks::{self, News};
use store::{args, list, models, watch};
use submit::{MODEL, Training, TrainingForm};
use web::axum::http::{Method, StatusCode, header};
use web::axum::response::Response;
use web::range::{self, Wanted};
use web::{Json, JsonUpTo, PathId, Reply, RequestCtx, Result, set};

use crate::model::ModelPatch;
use crate::sql;

/// Bytes of the body that begins a training: it may name thousands of images.
const TRAINING_BODY: usize = 1 << 20;

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&MODELS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    if ctx.wants_socket() { ctx.watch(&models::FRAMES, id.into()).await } else { ctx.show(&MODELS, id).await }
}

/// Creates a model and the task that trains it.
pub async fn train(ctx: RequestCtx, body: JsonUpTo<TrainingForm, TRAINING_BODY>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let defaults = submit::load_defaults(&ctx).await?;
    let form = body.read_after(|body| MODEL.fill(&defaults, body))?;
    Training::of_form(&ctx, form)?.insert(&mut tx, &ctx, &NO_PRICE);
    tx.answer(list::item_where(&MODELS, tx.scope, sql::NEWEST_OWN, args! {}));
    let created = ctx.created_answer(tx).await?;
    ctx.flush_outbox();
    Ok(created)
}

/// Cancels the training of a model.
pub async fn cancel(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&MODELS, id)?;
    sql::require_training(&mut tx, id);
    tasks::cancel_where(&mut tx, "model_id = :id", args! { id });
    let item = tx.item(&MODELS, id);
    let news = News::of_end(&mut tx, "t.model_id = :id", args! { id });
    let outcome = tx.run().await?;
    ctx.publish_all(news.events(&outcome));
    ctx.flush_outbox();
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<ModelPatch>) -> Result {
    let mut tx = ctx.write_to(&MODELS, id)?;
    sql::update(&mut tx, id, &body.read()?);
    Ok(ctx.updated_with(tx, &MODELS, &models::FRAMES, id).await?.0)
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&MODELS, id)?;
    let news = sql::delete(&mut tx, id);
    let outcome = tx.run().await?;
    let gone = (format!("models/{id}"), watch::gone(ctx.runtime.now.0));
    ctx.publish_all(news.events(&outcome).into_iter().chain([gone]).collect());
    ctx.flush_outbox();
    Ok(Reply::Done)
}

/// Counts the download and redirects to the file, which `uploads` serves. A request for a later part of the file goes
/// on with a download that was counted.
pub async fn download(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.read()?;
    let begins = match range::parse(ctx.header("range"), u64::MAX) {
        Wanted::Part(range) => range.first == 0,
        Wanted::Whole | Wanted::Outside => true,
    };
    let found = sql::download(&mut tx, id, begins && ctx.head.method != Method::HEAD);
    let outcome = tx.run().await?;
    let key = outcome.row(found).and_then(|row| row.text("key")).ok_or_else(|| NOT_FOUND.error())?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::FOUND;
    set(&mut response, header::LOCATION, &format!("/files/{key}"));
    set(&mut response, header::CACHE_CONTROL, "no-store");
    Ok(Reply::Raw(Box::new(response)))
}

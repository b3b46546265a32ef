//! The handlers: authorise, validate, store, reply. Each is one transaction. After the reply, those who watch an image
//! or article that changed with this one are told.

use store::articles::ARTICLES;
use store::{FirstOrRepeat, watch};
use web::{Json, PathId, Reply, RequestCtx, Result};

use crate::model::{ArticlePatch, NewArticle};
use crate::sql;

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&ARTICLES).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&ARTICLES, id).await
}

pub async fn create(ctx: RequestCtx, body: Json<NewArticle>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let changes = sql::insert(&mut tx, &body.read()?);
    tx.answer(sql::inserted(tx.scope));
    let run = tx.run_once().await?;
    if let FirstOrRepeat::First(outcome) = &run {
        ctx.publish_rows(changes.read(outcome));
    }
    ctx.created_reply(run)
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<ArticlePatch>) -> Result {
    let mut tx = ctx.write_to(&ARTICLES, id)?;
    let changes = sql::update(&mut tx, id, &body.read()?);
    let (reply, outcome) = ctx.updated_with(tx, &ARTICLES, &ARTICLES, id).await?;
    ctx.publish_rows(changes.read(&outcome));
    Ok(reply)
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&ARTICLES, id)?;
    let changes = sql::delete(&mut tx, id);
    let outcome = tx.run().await?;
    ctx.publish(format!("articles/{id}"), watch::gone(ctx.runtime.now.0));
    ctx.publish_rows(changes.read(&outcome));
    Ok(Reply::Done)
}

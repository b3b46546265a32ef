//! The handlers: authorise, validate, store, reply. Anonymous reads are answered from the key-value store; those of
//! authenticated callers from the database, in the transaction that confirms their credential.

use domain::messages::NOT_FOUND;
use store::ListQuery;
use store::params::{self, Params};
use web::{Dialect, Freshness, Json, PathParams, Reply, RequestCtx, Result};

use crate::model::{self, PARAMS, ParamsPatch};

/// A change is seen everywhere within about two minutes: that of the entry, and that of caches.
const FRESHNESS: Freshness = Freshness { max_age: 60, stale_while_revalidate: 600 };

pub async fn list(ctx: RequestCtx) -> Result {
    let query = ListQuery::parse(&PARAMS, &ctx.head.query, 0)?;
    let params = load(&ctx).await?;
    let page = Dialect::Plain.page(&model::page(&params, &query), ctx.version());
    reply(&ctx, page)
}

pub async fn read(ctx: RequestCtx, path: PathParams) -> Result {
    let form = model::form(path.text("name"));
    let params = load(&ctx).await?;
    let schema = model::schema(form.ok_or_else(|| NOT_FOUND.error())?, &params);
    reply(&ctx, schema.to_string())
}

pub async fn update(ctx: RequestCtx, path: PathParams, body: Json<ParamsPatch>) -> Result {
    let mut tx = ctx.write_as_admin()?;
    let form = model::form(path.text("name")).ok_or_else(|| NOT_FOUND.error())?;
    params::update(&mut tx, form.name, &body.read()?.changes(form)?);
    let all = params::select(&mut tx);
    let params = Params::of(&tx.run().await?, all)?;
    params::keep(&*ctx.runtime.kv, &params, ctx.runtime.now).await;
    Ok(Reply::Item(model::schema(form, &params).to_string()))
}

async fn load(ctx: &RequestCtx) -> Result<Params> {
    if ctx.caller()?.is_none() {
        return Ok(params::load(&ctx.runtime, params::FRESH_MS).await?);
    }
    let mut tx = ctx.read()?;
    let all = params::select(&mut tx);
    Ok(Params::of(&tx.run().await?, all)?)
}

fn reply(ctx: &RequestCtx, json: String) -> Result {
    Ok(if ctx.caller()?.is_none() { ctx.public(json, FRESHNESS) } else { ctx.private(json) })
}

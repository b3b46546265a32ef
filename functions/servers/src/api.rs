//! The handlers: authorise, validate, store, reply. Each is one database batch.

use ::store::{Batch, watch};
use domain::messages::{FORBIDDEN, INTERNAL, NAME_TAKEN};
use domain::runner::{Registered, runner_id, secret_purpose};
use domain::webhook;
use web::{Ctx, Failure, Json, PathId, Reply, Result, RunnerToken};

use crate::model::{self, ServerPatch};
use crate::store::{self, SERVERS};

pub async fn list(ctx: Ctx) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.push(::store::sessions::admin(scope));
    ctx.list_in((scope, batch), &SERVERS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&SERVERS, id).await
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let patch = ServerPatch::read(&body.value)?;
    batch.unique("servers.name", &NAME_TAKEN, "name");
    ctx.change((scope, batch), &SERVERS, id, [store::update(scope, id, &patch)]).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, batch) = ctx.writing()?;
    ctx.remove((scope, batch), &SERVERS, id, [store::delete(scope, id)]).await
}

/// Gives a runner its identity: a token for heartbeats, and the secret that signs its callbacks. Neither is stored;
/// both are bound to this registration.
pub async fn register(ctx: Ctx, body: Json) -> Result {
    let config = &ctx.cx.config;
    ctx.shared_secret(&config.registration_token)?;
    let runner = model::register(&body.value)?;
    let scope = ctx.scope_of(0);
    let mut batch = Batch::new();
    let made = batch.push(store::register(scope, &ctx.ip(), &runner));
    let event = batch.push(watch::change_where(&SERVERS, scope, "t.name = ?3", [runner.name.as_str().into()]));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let row = outcome.rows(made).first();
    let identity = row.and_then(|row| Some(RunnerToken { server_id: row.int("id")?, epoch: row.int("epoch")? }));
    let identity = identity.ok_or_else(|| INTERNAL.error().cause("the registration returned no row"))?;
    let RunnerToken { server_id: id, epoch } = identity;
    let registered = Registered {
        id,
        runner_id: runner_id(id, epoch),
        token: web::mint_runner(config, identity, ctx.cx.now)?,
        secret: webhook::derive(config.runner_key.as_bytes(), &secret_purpose(id, epoch)).text(),
    };
    ctx.tell(format!("servers/{id}"), watch::event(outcome.rows(event), ctx.cx.now.0));
    let item = serde_json::to_string(&registered).map_err(|e| INTERNAL.error().cause(e))?;
    Ok(Reply::Created { item, location: format!("/api/servers/{id}") })
}

pub async fn heartbeat(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let runner = ctx.runner()?;
    if runner.server_id != id {
        return Err(Failure(FORBIDDEN.error()));
    }
    let heartbeat = model::heartbeat(&body.value)?;
    let scope = ctx.scope_of(0);
    let mut batch = Batch::new();
    batch.push(store::registered(scope, runner));
    let [changed, seen] = store::heartbeat(scope, id, &heartbeat);
    let changed = batch.push(changed);
    batch.push(seen);
    let event = batch.push(watch::change(&SERVERS, scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    if !outcome.rows(changed).is_empty() {
        ctx.tell(format!("servers/{id}"), watch::event(outcome.rows(event), ctx.cx.now.0));
    }
    Ok(Reply::Item("{}".into()))
}

//! The handlers: authorise, validate, store, reply. Each is one transaction.

use domain::messages::{FORBIDDEN, INTERNAL};
use protocol::runner::{Registered, runner_id, secret_purpose};
use protocol::webhook::derive;
use store::servers::SERVERS;
use store::watch;
use web::{Json, PathId, Reply, RequestCtx, Result, RunnerToken};

use crate::model::{NewHeartbeat, Registration, ServerPatch};
use crate::sql;

pub async fn list(ctx: RequestCtx) -> Result {
    let tx = ctx.write_as_admin()?;
    ctx.list_in(tx, &SERVERS).await
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    ctx.show(&SERVERS, id).await
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: Json<ServerPatch>) -> Result {
    let mut tx = ctx.write_to(&SERVERS, id)?;
    sql::update(&mut tx, id, &body.read()?);
    ctx.updated(tx, &SERVERS, id).await
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&SERVERS, id)?;
    sql::delete(&mut tx, id);
    ctx.deleted(tx, &SERVERS, id).await
}

/// Gives a runner its identity: a token for heartbeats, and the secret that signs its callbacks. Neither is stored;
/// both are bound to this registration.
pub async fn register(ctx: RequestCtx, body: Json<Registration>) -> Result {
    let config = &ctx.runtime.config;
    ctx.require_secret(&config.registration_token)?;
    let mut tx = ctx.anonymous();
    let (made, change) = sql::register(&mut tx, &ctx.ip(), &body.read()?);
    let outcome = tx.run().await?;
    let row = outcome.row(made);
    let identity = row.and_then(|row| Some(RunnerToken { server_id: row.int("id")?, epoch: row.int("epoch")? }));
    let identity = identity.ok_or_else(|| INTERNAL.error().cause("the registration returned no row"))?;
    let RunnerToken { server_id: id, epoch } = identity;
    let registered = Registered {
        id,
        runner_id: runner_id(id, epoch),
        token: web::mint_runner(config, identity, ctx.runtime.now)?,
        secret: derive(config.runner_key.as_bytes(), &secret_purpose(id, epoch)).text(),
    };
    ctx.publish_all(watch::events(&SERVERS, outcome.rows(change)));
    let item = serde_json::to_string(&registered).map_err(|e| INTERNAL.error().cause(e))?;
    Ok(Reply::Created { item, location: format!("/api/servers/{id}") })
}

/// Records that the runner is alive. Watchers hear of it only when something else changed.
pub async fn heartbeat(ctx: RequestCtx, PathId(id): PathId, body: Json<NewHeartbeat>) -> Result {
    let runner = ctx.runner()?;
    if runner.server_id != id {
        return Err(FORBIDDEN.error().into());
    }
    let mut tx = ctx.anonymous();
    sql::require_registration(&mut tx, runner);
    let changed = sql::heartbeat(&mut tx, id, &body.read()?);
    let event = tx.change(&SERVERS, id);
    let outcome = tx.run().await?;
    if outcome.row(changed).is_some() {
        ctx.publish_all(watch::events(&SERVERS, outcome.rows(event)));
    }
    Ok(Reply::Item("{}".into()))
}

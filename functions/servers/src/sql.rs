//! The SQL of changes to servers.

use domain::messages::{INVALID_TOKEN, NAME_TAKEN};
use serde_json::{Value, json};
use store::servers::SERVERS;
use store::{StmtIndex, Tx, args, watch};
use web::RunnerToken;

use crate::model::{NewHeartbeat, NewLoadedModel, Registration, ServerPatch};

/// Inserts the server, or begins a new registration of it, which ends the earlier one. The first statement yields `id`
/// and `epoch`, the second the change to publish.
pub fn register(tx: &mut Tx, ip: &str, runner: &Registration) -> (StmtIndex, StmtIndex) {
    let Registration { name, kind, gpu, memory, version, models: local } = runner;
    let made = tx.exec(
        "INSERT INTO servers (name, type, status, ip, gpu, memory, models, version, epoch, last_seen, created_at, \
         updated_at) VALUES (:name, :kind, 'starting', :ip, :gpu, :memory, :models, :version, 1, :now, :now, :now) \
         ON CONFLICT (name) DO UPDATE SET type = excluded.type, status = excluded.status, ip = excluded.ip, \
         gpu = excluded.gpu, memory = excluded.memory, models = excluded.models, version = excluded.version, \
         epoch = epoch + 1, last_seen = :now, updated_at = max(:now, updated_at + 1) RETURNING id, epoch",
        args! { name, kind, ip, gpu, memory, models: models(local, &[]), version },
    );
    let change = watch::change_where(&SERVERS, tx.scope, "t.name = :name", args! { name });
    (made, tx.push(change))
}

/// Fails the transaction with `invalid_token` unless the token is of the server's current registration.
pub fn require_registration(tx: &mut Tx, token: RunnerToken) {
    tx.guard(
        &INVALID_TOKEN,
        "EXISTS (SELECT 1 FROM servers WHERE id = :id AND epoch = :epoch)",
        args! { id: token.server_id, epoch: token.epoch },
    );
}

/// Records a heartbeat. Yields a row when something changed that watchers see, beyond `last_seen`.
pub fn heartbeat(tx: &mut Tx, id: i64, heartbeat: &NewHeartbeat) -> StmtIndex {
    let changed = tx.exec(
        "UPDATE servers SET status = :status, models = :models, updated_at = max(:now, updated_at + 1) \
         WHERE id = :id AND (status <> :status OR models <> :models OR last_seen <= :now - 60000) RETURNING id",
        args! { id, status: &heartbeat.status, models: models(&heartbeat.models, &heartbeat.loaded) },
    );
    tx.exec("UPDATE servers SET last_seen = :now WHERE id = :id", args! { id });
    changed
}

pub fn update(tx: &mut Tx, id: i64, patch: &ServerPatch) {
    let ServerPatch { name, port, username } = patch;
    tx.unique("servers.name", NAME_TAKEN.on("name"));
    tx.exec(
        "UPDATE servers SET name = coalesce(:name, name), port = coalesce(:port, port), \
         username = coalesce(:username, username), updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name, port, username },
    );
}

pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM servers WHERE id = :id", args! { id });
}

/// The value of column `models`: first the runner's local models, then those of the edge that it has loaded. A model of
/// the edge may have the name of a local one.
fn models(local: &[String], loaded: &[NewLoadedModel]) -> String {
    let entry = |name: &str, loaded: Option<&NewLoadedModel>| {
        let (memory, model) = (loaded.map(|l| l.memory), loaded.and_then(|l| l.model_id));
        json!({"name": name, "loaded": loaded.is_some(), "memory": memory, "model_id": model})
    };
    let mut rest: Vec<&NewLoadedModel> = loaded.iter().collect();
    let mut list: Vec<Value> = Vec::with_capacity(local.len() + rest.len());
    for name in local {
        let at = rest.iter().position(|loaded| loaded.name == *name && loaded.model_id.is_none());
        list.push(entry(name, at.map(|at| rest.remove(at))));
    }
    list.extend(rest.into_iter().map(|loaded| entry(&loaded.name, Some(loaded))));
    Value::from(list).to_string()
}

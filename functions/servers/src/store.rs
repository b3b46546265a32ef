//! The SQL of servers.

use domain::runner::{Heartbeat, Loaded, Register};
use domain::task::KINDS;
use ports::Stmt;
use serde_json::{Value, json};
use store::spec::{ADMIN, BY_NAME, NEWEST, OLDEST};
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};
use web::RunnerToken;

use crate::model::ServerPatch;

/// As administrators see them. A runner that has been silent for a minute is 異常, whatever it last said.
const STATUS: &str = "CASE WHEN t.last_seen <= ?2 - 60000 THEN '異常' WHEN t.status = 'starting' THEN '初始化' \
    WHEN t.status = 'idle' THEN '閒置' WHEN t.status = 'working' THEN '工作中' ELSE '關閉中' END";

pub static SERVERS: Spec = Spec {
    name: "servers",
    from: "servers t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("type", "iif(t.type = 'training', '訓練', '推理')", Kind::Text),
        Column::new("ip", "t.ip", Kind::Text),
        Column::new("port", "t.port", Kind::Int),
        Column::new("status", STATUS, Kind::Text),
        Column::new("username", "t.username", Kind::Text),
        Column::new("models", "t.models", Kind::Json),
        Column::new("gpu", "t.gpu", Kind::Text),
        Column::new("memory", "t.memory", Kind::Int),
        Column::new("version", "t.version", Kind::Text),
        Column::new("last_seen", "t.last_seen", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: ADMIN,
    writable: ADMIN,
    // Nobody's: administrators watch with an owner's eyes, and no column depends on who asks.
    owner: "0",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "type", also: &[], rule: FilterRule::OneOf("t.type", KINDS) },
        Filter {
            name: "status",
            also: &[],
            rule: FilterRule::OneOf(
                STATUS,
                &[
                    ("異常", &["异常", "lost"]),
                    ("初始化", &["starting"]),
                    ("閒置", &["闲置", "idle"]),
                    ("就緒", &["就绪", "ready"]),
                    ("工作中", &["working"]),
                    ("關閉中", &["关闭中", "stopping"]),
                ],
            ),
        },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("t.name"),
    sorts: &[
        NEWEST,
        OLDEST,
        BY_NAME,
        Sort { name: "last_seen", also: &["lastSeen"], sql: "t.last_seen", descending: true },
    ],
};

/// Makes the server, or begins a new registration of it: `id` and the new `epoch`, which ends what was given to the
/// one before.
pub fn register(scope: Scope, ip: &str, runner: &Register) -> Stmt {
    scope.stmt(
        "INSERT INTO servers (name, type, status, ip, gpu, memory, models, version, epoch, last_seen, created_at, updated_at) \
         VALUES (?3, ?4, 'starting', ?5, ?6, ?7, ?8, ?9, 1, ?2, ?2, ?2) \
         ON CONFLICT (name) DO UPDATE SET type = excluded.type, status = excluded.status, ip = excluded.ip, \
         gpu = excluded.gpu, memory = excluded.memory, models = excluded.models, version = excluded.version, \
         epoch = epoch + 1, last_seen = ?2, updated_at = max(?2, updated_at + 1) RETURNING id, epoch",
        [
            runner.name.as_str().into(),
            runner.kind.as_str().into(),
            ip.into(),
            runner.gpu.as_str().into(),
            runner.memory.into(),
            models(&runner.models, &[]),
            runner.version.as_str().into(),
        ],
    )
}

/// Fails the batch with `unauthenticated` unless this is the server's present registration.
pub fn registered(scope: Scope, runner: RunnerToken) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'unauthenticated', EXISTS (SELECT 1 FROM servers WHERE id = ?3 AND epoch = ?4)",
        [runner.server_id.into(), runner.epoch.into()],
    )
}

/// `[changed, seen]`: the first yields a row when there is something to tell watchers, beyond being alive.
pub fn heartbeat(scope: Scope, id: i64, heartbeat: &Heartbeat) -> [Stmt; 2] {
    [
        scope.stmt(
            "UPDATE servers SET status = ?4, models = ?5, updated_at = max(?2, updated_at + 1) \
             WHERE id = ?3 AND (status <> ?4 OR models <> ?5 OR last_seen <= ?2 - 60000) RETURNING id",
            [id.into(), heartbeat.status.as_str().into(), models(&heartbeat.models, &heartbeat.loaded)],
        ),
        scope.stmt("UPDATE servers SET last_seen = ?2 WHERE id = ?3", [id.into()]),
    ]
}

pub fn update(scope: Scope, id: i64, patch: &ServerPatch) -> Stmt {
    scope.stmt(
        "UPDATE servers SET name = coalesce(?4, name), port = coalesce(?5, port), username = coalesce(?6, username), \
         updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [id.into(), patch.name.clone().into(), patch.port.into(), patch.username.clone().into()],
    )
}

pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM servers WHERE id = ?3", [id.into()])
}

/// As administrators see them: the runner's own first, then those of the edge it has loaded, which may be called the same.
/// `memory` is what a loaded one takes.
fn models(own: &[String], loaded: &[Loaded]) -> ports::Value {
    let shown = |name: &str, loaded: Option<&Loaded>| {
        let (memory, model) = (loaded.map(|l| l.memory), loaded.and_then(|l| l.model_id));
        json!({"name": name, "loaded": loaded.is_some(), "memory": memory, "model_id": model})
    };
    let mut rest: Vec<&Loaded> = loaded.iter().collect();
    let mut list: Vec<Value> = Vec::with_capacity(own.len() + rest.len());
    for name in own {
        let at = rest.iter().position(|loaded| loaded.name == *name && loaded.model_id.is_none());
        list.push(shown(name, at.map(|at| rest.remove(at))));
    }
    list.extend(rest.into_iter().map(|loaded| shown(&loaded.name, Some(loaded))));
    Value::from(list).to_string().into()
}

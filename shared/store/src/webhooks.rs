//! Webhooks: whom users want told of what becomes of their tasks. The database writes an event whenever a task changes
//! its state, whoever changes it, with its body as it is sent and never changed; and a delivery of it for every endpoint
//! that wants it. This module says who is an endpoint and what watchers are told; `delivering` sends.

mod delivering;

pub use delivering::{Round, deliver, dispatch, silence, sweep};

use domain::room::Event;
use ports::{Rows, Stmt, Value};

use crate::list::Scope;
use crate::spec::{Column, Kind, Search, Spec};
use crate::watch;

/// Makes the endpoint for one task's own `webhook`, or finds it: one for each user and address. To be run before
/// `queueing::insert`.
pub fn for_task(scope: Scope, url: &str) -> Stmt {
    scope.stmt(
        "INSERT INTO webhooks (user_id, url, events, standing, created_at, updated_at) VALUES (?1, ?3, '[]', 0, ?2, ?2) \
         ON CONFLICT (user_id, url) WHERE standing = 0 DO UPDATE SET active = 1, updated_at = ?2",
        [url.into()],
    )
}

/// The last of a user's tasks to end, and what is sent of every one that does: the room `notifications/{user}`.
pub static NOTIFICATIONS: Spec = Spec {
    name: "notifications",
    from: "(SELECT u.id AS user_id, e.id, e.type, e.body FROM users u LEFT JOIN events e ON e.id = \
        (SELECT max(id) FROM events WHERE user_id = u.id AND ended = 1)) t",
    ..ENDED
};

const ENDED: Spec = Spec {
    name: "notifications",
    from: "events t",
    key: "t.user_id",
    columns: &[
        Column::new("type", "t.type", Kind::Text),
        Column::new("id", "json_extract(t.body, '$.data.id')", Kind::LooseId),
        Column::new("name", "json_extract(t.body, '$.data.name')", Kind::Text),
        Column::new("status", "json_extract(t.body, '$.data.status')", Kind::Text),
        Column::new("data", "coalesce(json_extract(t.body, '$.data.data'), '{}')", Kind::Json),
        Column::new("error", "coalesce(json_extract(t.body, '$.data.error'), 'null')", Kind::Json),
        Column::new("cost", "json_extract(t.body, '$.data.cost')", Kind::Int),
        Column::new("task_no", "json_extract(t.body, '$.data.task_no')", Kind::Text),
        Column::new("finished_at", "json_extract(t.body, '$.data.finished_at')", Kind::Text),
        Column::new("seq", "coalesce(t.id, 0)", Kind::Int),
    ],
    visible: "t.user_id = ?1",
    writable: "t.user_id = ?1",
    owner: "t.user_id",
    seq: "coalesce(t.id, 0)",
    end: "FALSE",
    filters: &[],
    search: Search::None,
    sorts: &[],
};

/// The news of tasks that have just ended, for `told`; `tasks` is an SQL query of their ids. What ended for the same user
/// moments before comes along: a room takes events in their order alone, and another request may still be on its way
/// with them.
pub fn ended(scope: Scope, tasks: &str, args: impl IntoIterator<Item = Value>) -> Stmt {
    // By the users' index: in the order of ids alone, SQLite would read all events there are.
    let users = format!("SELECT user_id FROM events WHERE ended = 1 AND task_id IN ({tasks})");
    let condition = format!("t.ended = 1 AND t.user_id IN ({users}) AND t.created_at > ?2 - 2000 ORDER BY +t.id");
    watch::change_where(&ENDED, scope, &condition, args)
}

/// What ended for a user in the last ten minutes, the newest few, for a room that looks whether it missed something.
pub fn ended_lately(scope: Scope, user: i64) -> Stmt {
    let newest =
        "SELECT id FROM events WHERE user_id = ?3 AND ended = 1 AND created_at > ?2 - 600000 ORDER BY id DESC LIMIT 50";
    watch::change_where(&ENDED, scope, &format!("t.id IN ({newest}) ORDER BY t.id"), [user.into()])
}

/// What to publish, in this order, of the rows of `ended`.
pub fn told(rows: &Rows) -> Vec<(String, Event)> {
    watch::events(&ENDED, rows)
}

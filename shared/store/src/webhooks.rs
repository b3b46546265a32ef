//! Webhooks: endpoints that users subscribe to the events of their tasks. The database writes an event whenever a task
//! changes its state, whoever changes it, with its final body, and a delivery for every endpoint that wants it. Here
//! are endpoints and notifications; `delivery` sends.

mod delivery;

pub use delivery::{Round, cancel_pending, deliver, dispatch, sweep};

use domain::room::Event;
use ports::Rows;

use crate::args;
use crate::points_api::NOTIFICATION_RENDERING;
use crate::query::Arg;
use crate::shape::{self, Shape};
use crate::spec::{Column, DATE_FILTER, Filter, FilterRule, Kind, NEWEST, OLDEST, OWN, Search, Spec, USER_FILTER};
use crate::tx::{StmtIndex, Tx};
use crate::visible::Visible;
use crate::watch;

/// Webhooks as their owners see them.
pub static WEBHOOKS: Spec = Spec {
    name: "webhooks",
    from: "webhooks t",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
        Column::new("url", "t.url", Kind::Text),
        Column::new("events", "t.events", Kind::Json(&Shape::List(&Shape::Text))),
        Column::new("active", "t.active", Kind::Bool),
        // The last try, of any event, failed.
        Column::new("failing", "t.failures > 0", Kind::Bool),
        // False for the `webhook` of a single task.
        Column::new("standing", "t.standing", Kind::Bool),
        Column::new("version", "t.version", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::Own,
    writable: OWN,
    owner: "t.user_id",
    filters: &[
        USER_FILTER,
        Filter { name: "active", aliases: &[], rule: FilterRule::Flag("t.active") },
        Filter { name: "standing", aliases: &[], rule: FilterRule::Flag("t.standing") },
        DATE_FILTER,
    ],
    search: Search::Contains("t.url"),
    sorts: &[NEWEST, OLDEST],
    ..Spec::EMPTY
};

/// Makes the endpoint of one task's own `webhook`, or finds it: one for each user and address. To be added before
/// `task_order::insert`.
pub fn for_task(tx: &mut Tx, url: &str) {
    tx.exec(
        "INSERT INTO webhooks (user_id, url, events, standing, created_at, updated_at) \
         VALUES (:me, :url, '[]', 0, :now, :now) \
         ON CONFLICT (user_id, url) WHERE standing = 0 DO UPDATE SET active = 1, updated_at = :now",
        args! { url },
    );
}

/// The room `notifications/{user}`: the user's last task to end, then every one that does.
pub static NOTIFICATIONS: Spec = Spec {
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
        Column::new("id", "json_extract(t.body, '$.data.id')", Kind::VersionedId),
        Column::new("name", "json_extract(t.body, '$.data.name')", Kind::Text),
        Column::new("status", "json_extract(t.body, '$.data.status')", Kind::Text),
        Column::new("data", "coalesce(json_extract(t.body, '$.data.data'), '{}')", Kind::Json(&shape::TASK_DATA)),
        Column::new(
            "error",
            "coalesce(json_extract(t.body, '$.data.error'), 'null')",
            Kind::Json(&Shape::Nullable(&shape::ERROR)),
        ),
        Column::new("cost", "json_extract(t.body, '$.data.cost')", Kind::Int),
        Column::new("task_no", "json_extract(t.body, '$.data.task_no')", Kind::Text),
        Column::new("finished_at", "json_extract(t.body, '$.data.finished_at')", Kind::Text),
        Column::new("seq", "coalesce(t.id, 0)", Kind::Int),
    ],
    visible: Visible::Where("t.user_id = :me"),
    writable: "t.user_id = :me",
    owner: "t.user_id",
    seq: "coalesce(t.id, 0)",
    renderings: &[NOTIFICATION_RENDERING],
    ..Spec::EMPTY
};

/// Queries the notifications of tasks that have just ended, for `events_of`. `tasks` is an SQL query of their ids.
///
/// Tasks of the same user that ended moments before come along: a room takes events in their order alone, and another
/// request may still be on its way with those.
pub fn ended(tx: &mut Tx, tasks: &str, args: impl IntoIterator<Item = Arg>) -> StmtIndex {
    // By the users' index: in the order of ids alone, SQLite would read every event.
    let users = format!("SELECT user_id FROM events WHERE ended = 1 AND task_id IN ({tasks})");
    let condition = format!("t.ended = 1 AND t.user_id IN ({users}) AND t.created_at > :now - 2000 ORDER BY +t.id");
    let query = watch::change_where(&ENDED, tx.scope, &condition, args);
    tx.push(query)
}

/// Queries the notifications of a user in the last ten minutes, the newest few, for a room that checks what it missed.
pub fn ended_lately(tx: &mut Tx, user: i64) -> StmtIndex {
    let newest = "SELECT id FROM events WHERE user_id = :user AND ended = 1 AND created_at > :now - 600000 \
        ORDER BY id DESC LIMIT 50";
    let query = watch::change_where(&ENDED, tx.scope, &format!("t.id IN ({newest}) ORDER BY t.id"), args! { user });
    tx.push(query)
}

/// The events to publish, in this order, from the rows of `ended`.
pub fn events_of(rows: &Rows) -> Vec<(String, Event)> {
    watch::events(&ENDED, rows)
}

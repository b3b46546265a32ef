//! The SQL of tasks as their owners see them.

use domain::form::Values;
use ports::Stmt;
use store::queueing::{ETA, POSITION};
use store::spec::{NEWEST, OLDEST, OWN};
use store::tasks::ERROR;
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Spec};

pub static TASKS: Spec = Spec {
    name: "tasks",
    from: "tasks t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::LooseId),
        Column::new("name", "t.name", Kind::Text),
        Column::new("type", "t.type", Kind::Text),
        Column::new("status", "t.status", Kind::TaskStatus),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("data", "t.data", Kind::Json),
        Column::new("error", ERROR, Kind::Json),
        Column::new("position", POSITION, Kind::Int),
        Column::new("eta_seconds", ETA, Kind::Real),
        Column::new("cost", "t.cost", Kind::Int),
        Column::new("params", "t.params", Kind::Json),
        Column::new("images", IMAGES, Kind::Json),
        Column::new("model_id", "json_extract(t.params, '$.model.model_id')", Kind::LooseId),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("server_id", "t.server_id", Kind::Int),
        Column::new("attempt", "t.attempt", Kind::Int),
        Column::new("seq", "t.seq", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
        Column::new("started_at", "t.started_at", Kind::Time),
        Column::new("finished_at", "t.finished_at", Kind::Time),
    ],
    visible: OWN,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.seq",
    end: "t.status IN ('success', 'error')",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "tag", also: &[], rule: FilterRule::IdsOrNames(TAGGED) },
        Filter { name: "status", also: &[], rule: FilterRule::OneOf("t.status", STATUSES) },
        Filter { name: "type", also: &[], rule: FilterRule::OneOf("t.type", domain::task::KINDS) },
        Filter { name: "public", also: &[], rule: FilterRule::Flag("t.public") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("t.name || ' ' || json_extract(t.params, '$.prompt')"),
    sorts: &[NEWEST, OLDEST],
};

const STATUSES: &[(&str, &[&str])] =
    &[("initial", &[]), ("ready", &[]), ("waiting", &[]), ("running", &[]), ("success", &[]), ("error", &[])];

/// Tags by id or name, as the task was sent with them.
const TAGGED: &str = "EXISTS (SELECT 1 FROM json_each(t.params, '$.tags') g WHERE g.value IN ({names}) \
    OR g.value IN (SELECT name FROM tags WHERE id IN ({ids})))";

/// What there is of the result now: pictures deleted since are gone.
const IMAGES: &str = "(SELECT json_group_array(json_object('id', i.id, 'url', '/files/' || i.key, 'width', i.width, \
    'height', i.height, 'seed', i.seed)) FROM (SELECT * FROM images WHERE task_id = t.id ORDER BY task_index) i)";

pub fn update(scope: Scope, id: i64, patch: &Values) -> Stmt {
    scope.stmt(
        "UPDATE tasks SET name = coalesce(?4, name), public = coalesce(?5, public), updated_at = ?2 WHERE id = ?3",
        [id.into(), patch.text("name").into(), patch.bool("public").into()],
    )
}

/// Fails the batch with `conflict` when the task has ended.
pub fn not_ended(scope: Scope, id: i64) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'conflict', EXISTS (SELECT 1 FROM tasks WHERE id = ?3 AND status NOT IN ('success', 'error'))",
        [id.into()],
    )
}

pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM tasks WHERE id = ?3", [id.into()])
}

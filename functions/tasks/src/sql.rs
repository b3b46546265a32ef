//! The SQL of tasks as their owners see them. Their life is in `store::tasks`.

use domain::Choices;
use domain::messages::TASK_ENDED;
use store::shape::{self, DRAW_PARAMS, Shape, TRAIN_PARAMS};
use store::spec::{DATE_FILTER, NEWEST, OLDEST, OWN, PUBLIC_FILTER, USER_FILTER};
use store::task_order::{ETA, POSITION};
use store::{Column, Filter, FilterRule, Kind, Search, Spec, Tx, Visible, args, tasks};

use crate::model::TaskPatch;

pub static TASKS: Spec = Spec {
    name: "tasks",
    from: "tasks t",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
        Column::new("name", "t.name", Kind::Text),
        Column::new("type", "t.type", Kind::Text),
        Column::new("status", "t.status", Kind::TaskStatus),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("data", "t.data", Kind::Json(&shape::TASK_DATA)),
        Column::localized("error", tasks::error, Kind::Json(&Shape::Nullable(&shape::ERROR))),
        Column::new("position", POSITION, Kind::Int),
        Column::new("eta_seconds", ETA, Kind::Real),
        Column::new("cost", "t.cost", Kind::Int),
        Column::new("params", "t.params", Kind::Json(&Shape::AnyOf(&[DRAW_PARAMS, TRAIN_PARAMS]))),
        Column::new("images", IMAGES, Kind::Json(&shape::TASK_IMAGES)),
        Column::new("model_id", "coalesce(t.model_id, json_extract(t.params, '$.model.model_id'))", Kind::VersionedId),
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
    visible: Visible::Own,
    counted: true,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.seq",
    end: "t.status IN ('success', 'error')",
    filters: &[
        USER_FILTER,
        Filter { name: "tag", aliases: &[], rule: FilterRule::IdsOrNames(TAGGED) },
        Filter { name: "status", aliases: &[], rule: FilterRule::OneOf("t.status", STATUSES) },
        Filter { name: "type", aliases: &[], rule: FilterRule::OneOf("t.type", domain::task::KINDS) },
        PUBLIC_FILTER,
        DATE_FILTER,
    ],
    search: Search::Contains("t.name || ' ' || coalesce(json_extract(t.params, '$.prompt'), '')"),
    sorts: &[NEWEST, OLDEST],
    ..Spec::EMPTY
};

const STATUSES: Choices =
    &[("initial", &[]), ("ready", &[]), ("waiting", &[]), ("running", &[]), ("success", &[]), ("error", &[])];

/// Tags by id or name, as the task was sent with them.
const TAGGED: &str = "EXISTS (SELECT 1 FROM json_each(t.params, '$.tags') g WHERE g.value IN ({names}) \
    OR g.value IN (SELECT name FROM tags WHERE id IN ({ids})))";

/// The images of the result that were not deleted since.
const IMAGES: &str = "(SELECT json_group_array(json_object('id', i.id, 'url', '/files/' || i.key, 'width', i.width, \
    'height', i.height, 'seed', i.seed)) FROM (SELECT * FROM images WHERE task_id = t.id ORDER BY task_index) i)";

pub fn update(tx: &mut Tx, id: i64, patch: &TaskPatch) {
    tx.exec(
        "UPDATE tasks SET name = coalesce(:name, name), public = coalesce(:public, public), updated_at = :now \
         WHERE id = :id",
        args! { id, name: &patch.name, public: patch.public },
    );
}

/// Fails the transaction with `task_ended` when the task has ended.
pub fn require_unfinished(tx: &mut Tx, id: i64) {
    tx.guard(
        &TASK_ENDED,
        "EXISTS (SELECT 1 FROM tasks WHERE id = :id AND status NOT IN ('success', 'error'))",
        args! { id },
    );
}

//! The SQL of models and prices.

use ::store::models;
use ::store::spec::{ADMIN, NEWEST, OLDEST};
use ::store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};
use ports::Stmt;

use crate::model::{NewPrice, PricePatch, TYPES};

pub static PRICES: Spec = Spec {
    name: "points-config",
    from: "points_config t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("model_name", "t.model_name", Kind::Text),
        Column::new("description", "t.description", Kind::Text),
        Column::new("points_cost", "t.points_cost", Kind::Int),
        Column::new("task_type", "t.task_type", Kind::Text),
        Column::new("aspect_ratio", "t.aspect_ratio", Kind::Text),
        Column::new("size", "t.size", Kind::Int),
        Column::new("defaults", "t.defaults", Kind::Json),
        Column::new("standard", "t.standard", Kind::Bool),
        Column::new("enabled", "t.enabled", Kind::Bool),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: "TRUE",
    writable: ADMIN,
    owner: "0",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "task_type", also: &["taskType"], rule: FilterRule::OneOf("t.task_type", TYPES) },
        Filter { name: "enabled", also: &[], rule: FilterRule::Flag("t.enabled") },
        Filter { name: "standard", also: &[], rule: FilterRule::Flag("t.standard") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("(t.model_name || char(10) || t.description)"),
    sorts: &[
        NEWEST,
        OLDEST,
        Sort { name: "name", also: &["model_name"], sql: "t.model_name", descending: false },
        Sort { name: "cost", also: &["points_cost"], sql: "t.points_cost", descending: false },
    ],
};

/// Fails the batch with `gone` unless these defaults, in JSON, name no model to draw with, or one that is ready.
pub fn drawable(scope: Scope, defaults: &str) -> Stmt {
    scope.stmt(
        format!(
            "INSERT INTO guard SELECT 'gone', json_extract(?3, '$.model_id') IS NULL \
             OR EXISTS (SELECT 1 FROM models t WHERE t.id = json_extract(?3, '$.model_id') AND {})",
            models::WHOLE
        ),
        [defaults.into()],
    )
}

/// Adds a price; a standard one takes the place of the one before.
pub fn insert(scope: Scope, price: &NewPrice) -> Vec<Stmt> {
    let make_room = scope.stmt(
        "UPDATE points_config SET standard = 0, updated_at = max(?2, updated_at + 1) WHERE standard = 1 AND task_type = ?3",
        [price.task_type.as_str().into()],
    );
    let insert = scope.stmt(
        "INSERT INTO points_config (model_name, description, points_cost, task_type, aspect_ratio, size, defaults, \
         standard, enabled, created_at, updated_at) VALUES (?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?2, ?2)",
        [
            price.model_name.as_str().into(),
            price.description.as_str().into(),
            price.points_cost.into(),
            price.task_type.as_str().into(),
            price.aspect_ratio.as_str().into(),
            price.size.into(),
            price.defaults.as_str().into(),
            price.standard.into(),
            price.enabled.into(),
        ],
    );
    price.standard.then_some(make_room).into_iter().chain([insert]).collect()
}

/// Changes a price, and who is standard with it.
pub fn change(scope: Scope, id: i64, patch: &PricePatch) -> Vec<Stmt> {
    let make_room = scope.stmt(
        "UPDATE points_config SET standard = 0, updated_at = max(?2, updated_at + 1) WHERE standard = 1 AND id <> ?3 \
         AND task_type = coalesce(?4, (SELECT task_type FROM points_config WHERE id = ?3))",
        [id.into(), patch.task_type.as_deref().into()],
    );
    let update = scope.stmt(
        "UPDATE points_config SET model_name = coalesce(?4, model_name), description = coalesce(?5, description), \
         points_cost = coalesce(?6, points_cost), task_type = coalesce(?7, task_type), \
         aspect_ratio = coalesce(?8, aspect_ratio), size = coalesce(?9, size), defaults = coalesce(?10, defaults), \
         standard = coalesce(?11, standard), enabled = coalesce(?12, enabled), updated_at = max(?2, updated_at + 1) \
         WHERE id = ?3",
        [
            id.into(),
            patch.model_name.as_deref().into(),
            patch.description.as_deref().into(),
            patch.points_cost.into(),
            patch.task_type.as_deref().into(),
            patch.aspect_ratio.as_deref().into(),
            patch.size.into(),
            patch.defaults.as_deref().into(),
            patch.standard.into(),
            patch.enabled.into(),
        ],
    );
    let make_room = (patch.standard == Some(true)).then_some(make_room);
    make_room.into_iter().chain([update, one_standard_each(scope)]).collect()
}

pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM points_config WHERE id = ?3", [id.into()])
}

/// Fails the batch with `conflict` when a task type was left without an enabled standard; an index sees to it that
/// none has two.
pub fn one_standard_each(scope: Scope) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'conflict', (SELECT count(*) FROM points_config WHERE standard = 1 AND enabled = 1) = ?3",
        [i64::try_from(TYPES.len()).unwrap_or(0).into()],
    )
}

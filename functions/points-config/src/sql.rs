//! The SQL of models and prices.

use domain::messages::{MODEL_NOT_READY, NAME_TAKEN, STANDARD_PRICE};
use store::models::CHECKPOINT_READY;
use store::spec::{ADMIN, DATE_FILTER, NEWEST, OLDEST};
use store::{Column, Filter, FilterRule, Kind, Property, Search, Shape, Sort, Spec, Tx, args};

use crate::model::{NewPrice, PricePatch, TASK_TYPES};

pub static PRICES: Spec = Spec {
    name: "points-config",
    from: "points_config t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("model_name", "t.model_name", Kind::Text),
        Column::new("description", "t.description", Kind::Text),
        Column::new("points_cost", "t.points_cost", Kind::Int),
        Column::new("task_type", "t.task_type", Kind::Text),
        Column::new("aspect_ratio", "t.aspect_ratio", Kind::Text),
        Column::new("size", "t.size", Kind::Int),
        Column::new("defaults", "t.defaults", Kind::Json(&DEFAULTS)),
        Column::new("standard", "t.standard", Kind::Bool),
        Column::new("enabled", "t.enabled", Kind::Bool),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    writable: ADMIN,
    few: true,
    filters: &[
        Filter { name: "task_type", aliases: &["taskType"], rule: FilterRule::OneOf("t.task_type", TASK_TYPES) },
        Filter { name: "enabled", aliases: &[], rule: FilterRule::Flag("t.enabled") },
        Filter { name: "standard", aliases: &[], rule: FilterRule::Flag("t.standard") },
        DATE_FILTER,
    ],
    search: Search::Contains("(t.model_name || char(10) || t.description)"),
    sorts: &[
        NEWEST,
        OLDEST,
        Sort { name: "name", aliases: &["model_name"], sql: "t.model_name", descending: false },
        Sort { name: "cost", aliases: &["points_cost"], sql: "t.points_cost", descending: false },
    ],
    ..Spec::EMPTY
};

/// Parameters that tasks of the model are drawn with; a task's own defaults stand for the others.
const DEFAULTS: Shape = Shape::Object(&[
    Property::optional("num_inference_steps", Shape::Int, "Denoising steps."),
    Property::optional("guidance_scale", Shape::Number, "Classifier-free guidance; 1 turns it off."),
    Property::optional("scheduler", Shape::Text, "The sampler."),
    Property::optional("strength", Shape::Number, "Share of the start image that is drawn anew, from 0 to 1."),
    Property::optional("negative_prompt", Shape::Text, "What the images do not show."),
    Property::optional("model_id", Shape::Int, "The checkpoint to draw with."),
]);

/// Adds a price; a standard one replaces the standard of its type. `defaults` is JSON.
pub fn insert(tx: &mut Tx, price: &NewPrice, defaults: &str) {
    name_duplicates(tx);
    require_checkpoint(tx, defaults);
    if price.standard {
        tx.exec(
            "UPDATE points_config SET standard = 0, updated_at = max(:now, updated_at + 1) \
             WHERE standard = 1 AND task_type = :task_type",
            args! { task_type: &price.task_type },
        );
    }
    tx.exec(
        "INSERT INTO points_config (model_name, description, points_cost, task_type, aspect_ratio, size, defaults, \
         standard, enabled, created_at, updated_at) VALUES (:model_name, :description, :points_cost, :task_type, \
         :aspect_ratio, :size, :defaults, :standard, :enabled, :now, :now)",
        args! {
            model_name: &price.model_name,
            description: &price.description,
            points_cost: price.points_cost,
            task_type: &price.task_type,
            aspect_ratio: &price.aspect_ratio,
            size: price.size,
            defaults,
            standard: price.standard,
            enabled: price.enabled,
        },
    );
}

/// Changes a price; one that becomes standard replaces the standard of its type. `defaults` is JSON, or None where they
/// stay as they are.
pub fn update(tx: &mut Tx, id: i64, patch: &PricePatch, defaults: Option<&str>) {
    name_duplicates(tx);
    defaults.iter().for_each(|defaults| require_checkpoint(tx, defaults));
    if patch.standard == Some(true) {
        tx.exec(
            "UPDATE points_config SET standard = 0, updated_at = max(:now, updated_at + 1) \
             WHERE standard = 1 AND id <> :id \
             AND task_type = coalesce(:task_type, (SELECT task_type FROM points_config WHERE id = :id))",
            args! { id, task_type: &patch.task_type },
        );
    }
    tx.exec(
        "UPDATE points_config SET model_name = coalesce(:model_name, model_name), \
         description = coalesce(:description, description), points_cost = coalesce(:points_cost, points_cost), \
         task_type = coalesce(:task_type, task_type), aspect_ratio = coalesce(:aspect_ratio, aspect_ratio), \
         size = coalesce(:size, size), defaults = coalesce(:defaults, defaults), \
         standard = coalesce(:standard, standard), enabled = coalesce(:enabled, enabled), \
         updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! {
            id,
            model_name: &patch.model_name,
            description: &patch.description,
            points_cost: patch.points_cost,
            task_type: &patch.task_type,
            aspect_ratio: &patch.aspect_ratio,
            size: patch.size,
            defaults,
            standard: patch.standard,
            enabled: patch.enabled,
        },
    );
}

pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM points_config WHERE id = :id", args! { id });
}

/// Fails the transaction with `standard_price` when a task type is left without an enabled standard. An index makes
/// sure that none has two.
pub fn require_standards(tx: &mut Tx) {
    let types = TASK_TYPES.len() as i64;
    let condition = "(SELECT count(*) FROM points_config WHERE standard = 1 AND enabled = 1) = :types";
    tx.guard(&STANDARD_PRICE, condition, args! { types });
}

/// Fails the transaction with `model_not_ready` when these defaults, in JSON, name a model that is no ready checkpoint.
fn require_checkpoint(tx: &mut Tx, defaults: &str) {
    let condition = format!(
        "json_extract(:defaults, '$.model_id') IS NULL OR EXISTS (SELECT 1 FROM models t \
         WHERE t.id = json_extract(:defaults, '$.model_id') AND {CHECKPOINT_READY})"
    );
    tx.guard(&MODEL_NOT_READY, &condition, args! { defaults });
}

/// Names the errors of this table's unique columns.
fn name_duplicates(tx: &mut Tx) {
    tx.unique("points_config.model_name", NAME_TAKEN.on("model_name"));
    // The standard row of a type cannot become a second one of another.
    tx.unique("points_config.task_type", STANDARD_PRICE.on("task_type"));
}

//! Models: conditions on a row of models `t`, its tags, its search index and its watchers' frames, for the functions
//! that share them.

use domain::Choices;
use domain::model::{BASE_MODELS, TYPES};
use serde_json::json;

use crate::args;
use crate::query::Arg;
use crate::shape::{self, Shape};
use crate::spec::{
    BY_NAME, Column, DATE_FILTER, Filter, FilterRule, Kind, NEWEST, OLDEST, OWN, PUBLIC_FILTER, Search, Sort, Spec,
    USER_FILTER,
};
use crate::tags;
use crate::tasks;
use crate::tx::Tx;
use crate::visible::Visible;

/// The caller may see and use the model.
pub const VISIBLE: &str = crate::spec::PUBLIC_OR_OWN;

/// It is a checkpoint that can be drawn with.
pub const CHECKPOINT_READY: &str = "t.type = 'ckp' AND t.status = 'success'";

/// It is an adapter that can be applied: a LoRA, hypernetwork or textual inversion.
pub const ADAPTER_READY: &str = "t.type IN ('lora', 'hyper', 'ti') AND t.status = 'success'";

/// `protocol::runner::Checkpoint` of the model, as JSON.
pub const CHECKPOINT: &str = "json_object('model_id', t.id, 'name', t.name, 'size', t.size, 'sha256', t.sha256)";

/// A model as lists and reads show it.
pub static MODELS: Spec = Spec {
    name: "models",
    from: "models t",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
        Column::new("name", "t.name", Kind::Text),
        Column::new("type", "t.type", Kind::Text),
        Column::new("trigger_words", "t.trigger_words", Kind::Text),
        Column::new("base_model", "nullif(t.base_model, '')", Kind::Text),
        Column::new("model_path", "'/files/' || t.key", Kind::Text),
        Column::new("size", "t.size", Kind::Int),
        Column::new("hash", "t.sha256", Kind::Text),
        Column::new("status", "t.status", Kind::TaskStatus),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("image", "t.image", Kind::Text),
        Column::new("epochs", "t.epochs", Kind::Int),
        Column::new("steps", "t.steps", Kind::Int),
        Column::new("tags", TAGS, Kind::Json(&Shape::List(&Shape::Text))),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("downloads", "t.downloads", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("dataset_id", "t.dataset_id", Kind::Int),
        Column::new("server_id", "t.server_id", Kind::Int),
        Column::new("task_id", "t.task_id", Kind::VersionedId),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::PublicOrOwn,
    counted: true,
    writable: OWN,
    owner: "t.user_id",
    filters: &[
        USER_FILTER,
        Filter { name: "type", aliases: &[], rule: FilterRule::OneOf("t.type", TYPES) },
        Filter { name: "base_model", aliases: &["baseModel"], rule: FilterRule::OneOf("t.base_model", BASE_MODELS) },
        Filter { name: "status", aliases: &[], rule: FilterRule::OneOf("t.status", STATUSES) },
        Filter { name: "tag", aliases: &["tags"], rule: FilterRule::IdsOrNames(TAGGED) },
        PUBLIC_FILTER,
        DATE_FILTER,
    ],
    search: Search::Pairs("t.id IN (SELECT rowid FROM models_search WHERE models_search MATCH {match})"),
    sorts: &[NEWEST, OLDEST, BY_NAME, Sort { name: "hot", aliases: &["downloads"], sql: "t.hot", descending: true }],
    ..Spec::EMPTY
};

const STATUSES: Choices =
    &[("initial", &[]), ("ready", &[]), ("waiting", &[]), ("running", &[]), ("success", &[]), ("error", &[])];

/// The names of the model's tags, sorted.
const TAGS: &str = "(SELECT json_group_array(name) FROM (SELECT g.name FROM model_tags x \
    JOIN tags g ON g.id = x.tag_id WHERE x.model_id = t.id ORDER BY g.name))";

/// Models that carry one of these tags.
const TAGGED: &str = "t.id IN (SELECT x.model_id FROM model_tags x JOIN tags g ON g.id = x.tag_id \
    WHERE g.id IN ({ids}) OR g.name IN ({names}))";

/// A model as its watchers see it: with the progress of its training.
pub static FRAMES: Spec = Spec {
    name: "models",
    from: "(SELECT m.*, k.data AS task_data, k.error_code, k.error_message \
        FROM models m LEFT JOIN tasks k ON k.id = m.task_id) t",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
        Column::new("status", "t.status", Kind::TaskStatus),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new(
            "data",
            "iif(t.status = 'success', '{}', coalesce(t.task_data, '{}'))",
            Kind::Json(&shape::TASK_DATA),
        ),
        Column::localized("error", tasks::error, Kind::Json(&Shape::Nullable(&shape::ERROR))),
        Column::new("image", "t.image", Kind::Text),
        Column::new("task_id", "t.task_id", Kind::VersionedId),
        Column::new("seq", "t.updated_at", Kind::Int),
    ],
    visible: Visible::PublicOrOwn,
    writable: OWN,
    owner: "t.user_id",
    ..Spec::EMPTY
};

/// Indexes name and trigger words, for `search`, of the model that a condition of ours finds. None leaves a column of
/// the index as it is.
pub fn index(tx: &mut Tx, condition: &str, args: Vec<Arg>, name: Option<&str>, trigger_words: Option<&str>) {
    if name.is_none() && trigger_words.is_none() {
        return;
    }
    let (name, trigger_words) = (name.map(domain::search::index), trigger_words.map(domain::search::index));
    tx.exec(
        format!(
            "UPDATE models_search SET name = coalesce(:name, name), \
             trigger_words = coalesce(:trigger_words, trigger_words) \
             WHERE rowid = (SELECT id FROM models WHERE {condition})"
        ),
        args.into_iter().chain(args! { name, trigger_words }),
    );
}

/// Sets the tags of the model that a condition of ours finds. Missing tags are created as the caller's. Tags that the
/// model loses are kept: other objects may carry them. Triggers index the tags for `search`.
pub fn set_tags(tx: &mut Tx, condition: &str, args: Vec<Arg>, names: &[String]) {
    tags::create_missing(tx, &json!(names).to_string());
    let indexed: Vec<_> = names.iter().map(|name| json!([name, domain::search::index(name)])).collect();
    let args: Vec<Arg> = args.into_iter().chain(args! { tags: json!(indexed).to_string() }).collect();
    tx.exec(
        format!(
            "DELETE FROM model_tags WHERE model_id = (SELECT id FROM models WHERE {condition}) AND tag_id NOT IN \
             (SELECT g.id FROM json_each(:tags) n JOIN tags g ON g.name = json_extract(n.value, '$[0]'))"
        ),
        args.clone(),
    );
    tx.exec(
        format!(
            "INSERT INTO model_tags (model_id, tag_id, pairs) SELECT m.id, g.id, json_extract(n.value, '$[1]') \
             FROM (SELECT id FROM models WHERE {condition}) m, json_each(:tags) n \
             JOIN tags g ON g.name = json_extract(n.value, '$[0]') WHERE TRUE ON CONFLICT DO NOTHING"
        ),
        args,
    );
}

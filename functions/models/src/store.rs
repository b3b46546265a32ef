//! The SQL of models.

use domain::form::Values;
use ports::Stmt;
use store::spec::{BY_NAME, NEWEST, OLDEST, OWN};
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec, models};

use crate::import::File;
use crate::model::{BASES, TYPES, Upload};

pub static MODELS: Spec = Spec {
    name: "models",
    from: "models t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::LooseId),
        Column::new("name", "t.name", Kind::Text),
        Column::new("type", "t.type", Kind::Text),
        Column::new("trigger_words", "t.trigger_words", Kind::Text),
        Column::new("base_model", "t.base_model", Kind::Text),
        Column::new("model_path", "'/files/' || t.key", Kind::Text),
        Column::new("size", "t.size", Kind::Int),
        Column::new("hash", "t.sha256", Kind::Text),
        Column::new("status", "t.status", Kind::TaskStatus),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("image", "t.image", Kind::Text),
        Column::new("epochs", "t.epochs", Kind::Int),
        Column::new("steps", "t.steps", Kind::Int),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("downloads", "t.downloads", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("dataset_id", "t.dataset_id", Kind::Int),
        Column::new("server_id", "t.server_id", Kind::Int),
        Column::new("task_id", "t.task_id", Kind::LooseId),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: models::VISIBLE,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "type", also: &[], rule: FilterRule::OneOf("t.type", TYPES) },
        Filter { name: "base_model", also: &["baseModel"], rule: FilterRule::OneOf("t.base_model", BASES) },
        Filter { name: "status", also: &[], rule: FilterRule::OneOf("t.status", STATUSES) },
        Filter { name: "public", also: &[], rule: FilterRule::Flag("t.public") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("t.name || ' ' || t.trigger_words"),
    sorts: &[NEWEST, OLDEST, BY_NAME, Sort { name: "hot", also: &["downloads"], sql: "t.downloads", descending: true }],
};

const STATUSES: &[(&str, &[&str])] =
    &[("initial", &[]), ("ready", &[]), ("waiting", &[]), ("running", &[]), ("success", &[]), ("error", &[])];

/// `id`, `key` and `complete` of an upload of the caller's that may hold a model.
pub fn upload(scope: Scope, upload: &Upload, key: Option<&str>) -> Stmt {
    const SELECT: &str = "SELECT id, key, multipart IS NULL AS complete FROM uploads \
        WHERE user_id = ?1 AND content_type = 'application/octet-stream' AND";
    match upload {
        Upload::Id(id) => scope.stmt(format!("{SELECT} id = ?3"), [(*id).into()]),
        Upload::Url(_) => scope.stmt(format!("{SELECT} key = ?3"), [key.into()]),
    }
}

/// Makes a model of the upload, whose file it takes over. Fails with `gone` when the upload went meanwhile.
pub fn import(scope: Scope, values: &Values, file: &File) -> Vec<Stmt> {
    let upload = || [file.upload.into(), file.key.as_str().into()];
    vec![
        scope.stmt(
            "INSERT INTO guard SELECT 'gone', EXISTS (SELECT 1 FROM uploads WHERE id = ?3 AND key = ?4 \
             AND user_id = ?1 AND multipart IS NULL)",
            upload(),
        ),
        scope.stmt("DELETE FROM uploads WHERE id = ?3 AND key = ?4", upload()),
        scope.stmt(
            "INSERT INTO models (name, type, base_model, trigger_words, public, key, size, sha256, status, progress, \
             user_id, created_at, updated_at) VALUES (?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'success', 100, ?1, ?2, ?2)",
            [
                values.text("name").into(),
                values.text("type").into(),
                values.text("base_model").into(),
                values.text("trigger_words").unwrap_or_default().into(),
                values.bool("public").unwrap_or(false).into(),
                file.key.as_str().into(),
                file.size.into(),
                file.sha256.clone().into(),
            ],
        ),
    ]
}

pub fn update(scope: Scope, id: i64, patch: &Values) -> Stmt {
    scope.stmt(
        "UPDATE models SET name = coalesce(?4, name), trigger_words = coalesce(?5, trigger_words), \
         public = coalesce(?6, public), updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [id.into(), patch.text("name").into(), patch.text("trigger_words").into(), patch.bool("public").into()],
    )
}

/// The database sees to the file.
pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM models WHERE id = ?3", [id.into()])
}

/// `key` of the file of a model the caller sees, which was downloaded once more if it `counts`.
pub fn download(scope: Scope, id: i64, counts: bool) -> Stmt {
    scope.stmt(
        format!(
            "UPDATE models AS t SET downloads = downloads + ?4 WHERE id = ?3 AND key IS NOT NULL AND {} RETURNING key",
            models::VISIBLE
        ),
        [id.into(), counts.into()],
    )
}

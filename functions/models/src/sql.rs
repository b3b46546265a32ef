//! The SQL of models.

use domain::messages::{INTERNAL, UPLOAD_INCOMPLETE};
use domain::{Choices, Error};
use store::spec::{BY_NAME, DATE_FILTER, NEWEST, OLDEST, OWN, PUBLIC_FILTER, USER_FILTER};
use store::{Arg, Column, Filter, FilterRule, Kind, Outcome, Search, Sort, Spec, StmtIndex, Tx, args, models};

use crate::import::ModelFile;
use crate::model::{BASE_MODELS, ModelPatch, NewModel, TYPES, unknown_upload};

pub static MODELS: Spec = Spec {
    name: "models",
    from: "models t",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
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
        Column::new("task_id", "t.task_id", Kind::VersionedId),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: models::VISIBLE,
    writable: OWN,
    owner: "t.user_id",
    filters: &[
        USER_FILTER,
        Filter { name: "type", aliases: &[], rule: FilterRule::OneOf("t.type", TYPES) },
        Filter { name: "base_model", aliases: &["baseModel"], rule: FilterRule::OneOf("t.base_model", BASE_MODELS) },
        Filter { name: "status", aliases: &[], rule: FilterRule::OneOf("t.status", STATUSES) },
        PUBLIC_FILTER,
        DATE_FILTER,
    ],
    search: Search::Contains("t.name || ' ' || t.trigger_words"),
    sorts: &[
        NEWEST,
        OLDEST,
        BY_NAME,
        Sort { name: "hot", aliases: &["downloads"], sql: "t.downloads", descending: true },
    ],
    ..Spec::EMPTY
};

const STATUSES: Choices =
    &[("initial", &[]), ("ready", &[]), ("waiting", &[]), ("running", &[]), ("success", &[]), ("error", &[])];

/// A complete upload of the caller's that may hold a model.
pub struct Upload {
    pub id: i64,
    /// Of its file.
    pub key: String,
}

impl Upload {
    /// The row of `upload_by_id` or `upload_by_key`.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` when there is none, `upload_incomplete` when parts are still to come; both on `upload`.
    pub fn read(outcome: &Outcome, found: StmtIndex) -> Result<Upload, Error> {
        let row = outcome.row(found).ok_or_else(unknown_upload)?;
        if !row.flag("complete") {
            return Err(UPLOAD_INCOMPLETE.on("upload"));
        }
        let (id, key) = row.int("id").zip(row.text("key")).ok_or_else(|| INTERNAL.error().cause("an upload's row"))?;
        Ok(Upload { id, key: key.to_string() })
    }
}

/// Yields the caller's upload with this id, for `Upload::read`.
pub fn upload_by_id(tx: &mut Tx, id: i64) -> StmtIndex {
    upload(tx, "id = :id", args! { id })
}

/// Yields the caller's upload whose file has this key, for `Upload::read`.
pub fn upload_by_key(tx: &mut Tx, key: &str) -> StmtIndex {
    upload(tx, "key = :key", args! { key })
}

fn upload(tx: &mut Tx, condition: &str, args: [Arg; 1]) -> StmtIndex {
    let sql = format!(
        "SELECT id, key, multipart IS NULL AS complete FROM uploads \
         WHERE user_id = :me AND content_type = 'application/octet-stream' AND {condition}"
    );
    tx.exec(sql, args)
}

/// Deletes the upload and inserts a model with its file. Fails the transaction with `upload_incomplete` when the upload
/// was deleted meanwhile.
pub fn insert(tx: &mut Tx, new: &NewModel, file: &ModelFile) {
    let ModelFile { upload, size, sha256 } = file;
    tx.guard(
        &UPLOAD_INCOMPLETE,
        "EXISTS (SELECT 1 FROM uploads WHERE id = :id AND key = :key AND user_id = :me AND multipart IS NULL)",
        args! { id: upload.id, key: &upload.key },
    );
    tx.exec("DELETE FROM uploads WHERE id = :id", args! { id: upload.id });
    tx.exec(
        "INSERT INTO models (name, type, base_model, trigger_words, public, key, size, sha256, status, progress, \
         user_id, created_at, updated_at) VALUES (:name, :kind, :base_model, :trigger_words, :public, :key, :size, \
         :sha256, 'success', 100, :me, :now, :now)",
        args! {
            name: &new.name,
            kind: &new.kind,
            base_model: &new.base_model,
            trigger_words: new.trigger_words.as_deref().unwrap_or_default(),
            public: new.public,
            key: &upload.key,
            size,
            sha256,
        },
    );
}

pub fn update(tx: &mut Tx, id: i64, patch: &ModelPatch) {
    tx.exec(
        "UPDATE models SET name = coalesce(:name, name), trigger_words = coalesce(:trigger_words, trigger_words), \
         public = coalesce(:public, public), updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name: &patch.name, trigger_words: &patch.trigger_words, public: patch.public },
    );
}

/// Deletes a model. A trigger deletes its file through the outbox.
pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM models WHERE id = :id", args! { id });
}

/// Yields the `key` of the file of a model that the caller sees. Counts one download more when `counts`.
pub fn download(tx: &mut Tx, id: i64, counts: bool) -> StmtIndex {
    tx.exec(
        format!(
            "UPDATE models AS t SET downloads = downloads + :downloads \
             WHERE id = :id AND key IS NOT NULL AND {} RETURNING key",
            models::VISIBLE
        ),
        args! { id, downloads: counts },
    )
}

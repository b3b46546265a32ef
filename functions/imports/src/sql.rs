//! The SQL of an import.

use domain::Error;
use domain::messages::{INTERNAL, UPLOAD_INCOMPLETE};
use store::models::{self, MODELS};
use store::{Arg, Outcome, Query, Scope, StmtIndex, Tx, args, list};

use crate::api::ModelFile;
use crate::model::{NewModel, unknown_upload};

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

fn upload(tx: &mut Tx, condition: &str, args: Vec<Arg>) -> StmtIndex {
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
    let key = &upload.key;
    models::index(tx, BY_KEY, args! { key }, Some(&new.name), new.trigger_words.as_deref());
    models::set_tags(tx, BY_KEY, args! { key }, &new.tags);
}

/// The model with this file, as a JSON object `item`.
pub fn inserted(scope: Scope, file: &ModelFile) -> Query {
    list::item_where(&MODELS, scope, "t.key = :key", args! { key: &file.upload.key })
}

const BY_KEY: &str = "key = :key";

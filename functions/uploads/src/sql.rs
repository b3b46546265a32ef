//! The SQL of uploads.

use media::EncodedImage;
use store::spec::{DATE_FILTER, NEWEST, OLDEST, OWN, USER_FILTER};
use store::{Column, Kind, Sort, Spec, StmtIndex, Tx, Visible, args, outbox};

pub static UPLOADS: Spec = Spec {
    name: "uploads",
    from: "uploads t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("key", "t.key", Kind::Text),
        Column::new("url", "iif(t.multipart IS NULL, '/files/' || t.key, NULL)", Kind::Text),
        Column::new("size", "t.size", Kind::Int),
        Column::new("content_type", "t.content_type", Kind::Text),
        Column::new("width", "t.width", Kind::Int),
        Column::new("height", "t.height", Kind::Int),
        Column::new("complete", "t.multipart IS NULL", Kind::Bool),
        // model::PART_SIZE, until the parts are joined.
        Column::new("part_size", "iif(t.multipart IS NULL, NULL, 33554432)", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::Own,
    counted: true,
    writable: OWN,
    owner: "t.user_id",
    filters: &[USER_FILTER, DATE_FILTER],
    sorts: &[NEWEST, OLDEST, Sort { name: "size", aliases: &[], sql: "t.size", descending: true }],
    ..Spec::EMPTY
};

/// Inserts the upload of an image.
pub fn insert(tx: &mut Tx, key: &str, image: &EncodedImage) {
    tx.exec(
        "INSERT INTO uploads (key, content_type, size, width, height, user_id, created_at, updated_at) \
         VALUES (:key, :content_type, :size, :width, :height, :me, :now, :now)",
        args! {
            key,
            content_type: image.format.media_type(),
            size: image.bytes.len() as i64,
            width: i64::from(image.width),
            height: i64::from(image.height),
        },
    );
}

/// Inserts an upload whose parts are not stored yet. `multipart` is the object store's id of the multipart upload.
pub fn insert_multipart(tx: &mut Tx, key: &str, content_type: &str, multipart: &str) {
    tx.exec(
        "INSERT INTO uploads (key, content_type, multipart, user_id, created_at, updated_at) \
         VALUES (:key, :content_type, :multipart, :me, :now, :now)",
        args! { key, content_type, multipart },
    );
}

/// Yields `key` and `multipart` of an upload; `multipart` is null once it is complete.
pub fn destination(tx: &mut Tx, id: i64) -> StmtIndex {
    tx.exec("SELECT key, multipart FROM uploads WHERE id = :id", args! { id })
}

/// Marks an upload as complete, with `size` bytes.
pub fn complete(tx: &mut Tx, id: i64, size: i64) {
    tx.exec(
        "UPDATE uploads SET multipart = NULL, size = :size, updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, size },
    );
}

/// Deletes an upload, and its file or parts through the outbox. Yields the file's `key`.
pub fn delete(tx: &mut Tx, id: i64) -> StmtIndex {
    outbox::delete_uploads(tx, 0, "SELECT key, multipart FROM uploads WHERE id = :id", args! { id });
    tx.exec("DELETE FROM uploads WHERE id = :id RETURNING key", args! { id })
}

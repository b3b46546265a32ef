//! The SQL of changes to images; `store::images` has what is shown of them.

pub mod affinity;

use store::{StmtIndex, Tx, args, outbox, tags};

use crate::model::ImagePatch;

pub fn update(tx: &mut Tx, id: i64, patch: &ImagePatch) {
    tx.exec(
        "UPDATE images SET name = coalesce(:name, name), public = coalesce(:public, public), \
         updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name: &patch.name, public: patch.public },
    );
    if let Some(names) = &patch.tags {
        set_tags(tx, id, names);
    }
}

/// Sets the tags of an image. Missing tags are created as the caller's. Tags that the image loses are kept: other
/// images may carry them.
fn set_tags(tx: &mut Tx, id: i64, names: &[String]) {
    let names = serde_json::json!(names).to_string();
    tags::create_missing(tx, &names);
    tx.exec(
        "DELETE FROM image_tags WHERE image_id = :id AND tag_id NOT IN \
         (SELECT id FROM tags WHERE name IN (SELECT value FROM json_each(:names)))",
        args! { id, names: &names },
    );
    tx.exec(
        "INSERT INTO image_tags (image_id, tag_id) \
         SELECT :id, id FROM tags WHERE name IN (SELECT value FROM json_each(:names)) ON CONFLICT DO NOTHING",
        args! { id, names },
    );
}

/// Deletes an image, and its file through the outbox. Yields the file's `key`.
pub fn delete(tx: &mut Tx, id: i64) -> StmtIndex {
    outbox::delete_blobs(tx, "SELECT key FROM images WHERE id = :id", args! { id });
    tx.exec("DELETE FROM images WHERE id = :id RETURNING key", args! { id })
}

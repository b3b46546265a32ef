//! The SQL of images.

use store::shape::{self, Shape};
use store::spec::{DATE_FILTER, NEWEST, OLDEST, OWN, PUBLIC_FILTER, PUBLIC_OR_OWN, USER_FILTER};
use store::{Column, Filter, FilterRule, Kind, Search, Spec, StmtIndex, Tx, args, outbox};

use crate::model::ImagePatch;

pub static IMAGES: Spec = Spec {
    name: "images",
    from: "images t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("url", "'/files/' || t.key", Kind::Text),
        Column::new("width", "t.width", Kind::Int),
        Column::new("height", "t.height", Kind::Int),
        Column::new("prompt", "t.prompt", Kind::Text),
        Column::new("negative_prompt", "t.negative_prompt", Kind::Text),
        Column::new("num_inference_steps", "t.num_inference_steps", Kind::Int),
        Column::new("guidance_scale", "t.guidance_scale", Kind::Real),
        Column::new("scheduler", "t.scheduler", Kind::Text),
        Column::new("seed", "t.seed", Kind::Int),
        Column::new("from_image", "t.from_image", Kind::Text),
        Column::new("strength", "t.strength", Kind::Real),
        Column::new("model_id", "t.model_id", Kind::VersionedId),
        Column::new("loras", "t.loras", Kind::Json(&shape::LORAS)),
        Column::new("task_id", "t.task_id", Kind::VersionedId),
        Column::new("hash", "t.sha256", Kind::Text),
        Column::new("nsfw", NSFW, Kind::Json(&Shape::Nullable(&Shape::Bool))),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("tags", TAGS, Kind::Json(&Shape::List(&Shape::Text))),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: PUBLIC_OR_OWN,
    writable: OWN,
    owner: "t.user_id",
    filters: &[
        USER_FILTER,
        Filter { name: "tag", aliases: &["tags"], rule: FilterRule::IdsOrNames(TAGGED) },
        Filter { name: "task", aliases: &["task_id"], rule: FilterRule::Ids("t.task_id IN ({ids})") },
        PUBLIC_FILTER,
        DATE_FILTER,
    ],
    search: Search::Pairs("t.id IN (SELECT rowid FROM images_search WHERE images_search MATCH {match})"),
    sorts: &[NEWEST, OLDEST],
    ..Spec::EMPTY
};

/// The safety checker's result; null where no safety checker ran.
const NSFW: &str = "CASE t.nsfw WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END";

/// The names of the image's tags, sorted.
const TAGS: &str = "(SELECT json_group_array(name) FROM (SELECT g.name FROM image_tags x \
    JOIN tags g ON g.id = x.tag_id WHERE x.image_id = t.id ORDER BY g.name))";

/// Images that carry one of these tags.
const TAGGED: &str = "t.id IN (SELECT x.image_id FROM image_tags x JOIN tags g ON g.id = x.tag_id \
    WHERE g.id IN ({ids}) OR g.name IN ({names}))";

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
    tx.exec(
        "INSERT INTO tags (name, user_id, created_at, updated_at) \
         SELECT DISTINCT n.value, :me, :now, :now FROM json_each(:names) n WHERE TRUE ON CONFLICT (name) DO NOTHING",
        args! { names: &names },
    );
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

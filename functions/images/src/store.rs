//! The SQL of images.

use ports::{Stmt, Value};
use store::spec::{NEWEST, OLDEST, OWN};
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Spec};

use crate::model::ImagePatch;

pub static IMAGES: Spec = Spec {
    name: "images",
    from: "images t",
    key: "t.id",
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
        Column::new("model_id", "t.model_id", Kind::LooseId),
        Column::new("loras", "t.loras", Kind::Json),
        Column::new("task_id", "t.task_id", Kind::LooseId),
        Column::new("hash", "t.sha256", Kind::Text),
        Column::new("nsfw", "CASE t.nsfw WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END", Kind::Json),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("tags", TAGS, Kind::Json),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: "(t.public = 1 OR t.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1)",
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "tag", also: &["tags"], rule: FilterRule::IdsOrNames(TAGGED) },
        Filter { name: "task", also: &["task_id"], rule: FilterRule::Ids("t.task_id IN ({ids})") },
        Filter { name: "public", also: &[], rule: FilterRule::Flag("t.public") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Pairs("t.id IN (SELECT rowid FROM images_search WHERE images_search MATCH {match})"),
    sorts: &[NEWEST, OLDEST],
};

/// Names, sorted, so that the same tags always show the same.
const TAGS: &str = "(SELECT json_group_array(name) FROM (SELECT g.name FROM image_tags x JOIN tags g ON g.id = x.tag_id \
    WHERE x.image_id = t.id ORDER BY g.name))";

const TAGGED: &str = "t.id IN (SELECT x.image_id FROM image_tags x JOIN tags g ON g.id = x.tag_id \
    WHERE g.id IN ({ids}) OR g.name IN ({names}))";

pub fn update(scope: Scope, id: i64, patch: &ImagePatch) -> Vec<Stmt> {
    let mut stmts = vec![scope.stmt(
        "UPDATE images SET name = coalesce(?4, name), public = coalesce(?5, public), \
         updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [id.into(), patch.name.clone().into(), patch.public.into()],
    )];
    if let Some(names) = &patch.tags {
        stmts.extend(tags(scope, id, names));
    }
    stmts
}

/// Makes these its tags: the missing ones are the caller's, those it no longer carries stay for others.
fn tags(scope: Scope, id: i64, names: &[String]) -> [Stmt; 3] {
    let args = || -> [Value; 2] { [id.into(), serde_json::json!(names).to_string().into()] };
    [
        scope.stmt(
            "INSERT INTO tags (name, user_id, created_at, updated_at) \
             SELECT DISTINCT n.value, ?1, ?2, ?2 FROM json_each(?4) n WHERE TRUE ON CONFLICT (name) DO NOTHING",
            args(),
        ),
        scope.stmt(
            "DELETE FROM image_tags WHERE image_id = ?3 AND tag_id NOT IN \
             (SELECT id FROM tags WHERE name IN (SELECT value FROM json_each(?4)))",
            args(),
        ),
        scope.stmt(
            "INSERT INTO image_tags (image_id, tag_id) \
             SELECT ?3, id FROM tags WHERE name IN (SELECT value FROM json_each(?4)) ON CONFLICT DO NOTHING",
            args(),
        ),
    ]
}

/// Yields the `key` of what is gone.
pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM images WHERE id = ?3 RETURNING key", [id.into()])
}

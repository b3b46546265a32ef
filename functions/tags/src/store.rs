//! The SQL of tags.

use ports::Stmt;
use store::spec::{BY_NAME, NEWEST, OLDEST, OWN};
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};

use crate::model::{NewTag, TagPatch};

pub static TAGS: Spec = Spec {
    name: "tags",
    from: "tags t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::LooseId),
        Column::new("name", "t.name", Kind::Text),
        Column::new("count", COUNT, Kind::Int),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: "TRUE",
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users(USED_BY) },
        Filter { name: "tag", also: &[], rule: FilterRule::IdsOrNames("t.id IN ({ids}) OR t.name IN ({names})") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("t.name"),
    sorts: &[NEWEST, OLDEST, BY_NAME, Sort { name: "hot", also: &["count"], sql: COUNT, descending: true }],
};

/// How many pictures the caller sees carry the tag.
const COUNT: &str = "(SELECT count(*) FROM image_tags g JOIN images i ON i.id = g.image_id \
    WHERE g.tag_id = t.id AND (i.public = 1 OR i.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1))";

/// Tags on pictures of these users, of the pictures the caller sees.
const USED_BY: &str = "t.id IN (SELECT g.tag_id FROM image_tags g JOIN images i ON i.id = g.image_id \
    WHERE i.user_id IN ({ids}) AND (i.public = 1 OR i.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1))";

pub fn insert(scope: Scope, tag: &NewTag) -> Stmt {
    scope.stmt(
        "INSERT INTO tags (name, user_id, created_at, updated_at) VALUES (?3, ?1, ?2, ?2)",
        [tag.name.as_str().into()],
    )
}

pub fn rename(scope: Scope, id: i64, patch: &TagPatch) -> Stmt {
    scope.stmt(
        "UPDATE tags SET name = ?4, updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [id.into(), patch.name.as_str().into()],
    )
}

pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM tags WHERE id = ?3", [id.into()])
}

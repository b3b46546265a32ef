//! The SQL of tags.

use domain::messages::TAG_EXISTS;
use domain::search;
use store::spec::{BY_NAME, DATE_FILTER, NEWEST, OLDEST, OWN};
use store::{Column, Filter, FilterRule, Kind, Search, Sort, Spec, Tx, args, public_or_own};

use crate::model::{NewTag, TagPatch};

pub static TAGS: Spec = Spec {
    name: "tags",
    from: "tags t",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
        Column::new("name", "t.name", Kind::Text),
        Column::new("count", COUNT, Kind::Int),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    writable: OWN,
    counted: true,
    owner: "t.user_id",
    filters: &[
        Filter { name: "user", aliases: &["user_id"], rule: FilterRule::Users(USED_BY) },
        Filter { name: "tag", aliases: &[], rule: FilterRule::IdsOrNames("t.id IN ({ids}) OR t.name IN ({names})") },
        DATE_FILTER,
    ],
    search: Search::Contains("t.name"),
    sorts: &[NEWEST, OLDEST, BY_NAME, Sort { name: "hot", aliases: &["count"], sql: "t.uses", descending: true }],
    ..Spec::EMPTY
};

/// The number of images with the tag that the caller sees: public ones, and their own or, for administrators, all.
const COUNT: &str = "t.uses + coalesce((SELECT c.n FROM tag_counts c WHERE c.tag_id = t.id AND c.public = 0 \
    AND c.user_id = iif((SELECT admin FROM users WHERE id = :me) = 1, 0, nullif(:me, 0))), 0)";

/// Tags on images and models of these users that the caller sees.
const USED_BY: &str = concat!(
    "(t.id IN (SELECT c.tag_id FROM tag_counts c WHERE c.user_id IN ({ids}) AND c.n > 0 AND ",
    public_or_own!("c"),
    ") OR t.id IN (SELECT g.tag_id FROM models m JOIN model_tags g ON g.model_id = m.id WHERE m.user_id IN ({ids}) AND ",
    public_or_own!("m"),
    "))"
);

pub fn insert(tx: &mut Tx, tag: &NewTag) {
    tx.unique("tags.name", TAG_EXISTS.on("name"));
    tx.exec(
        "INSERT INTO tags (name, user_id, created_at, updated_at) VALUES (:name, :me, :now, :now)",
        args! { name: &tag.name },
    );
}

pub fn update(tx: &mut Tx, id: i64, patch: &TagPatch) {
    tx.unique("tags.name", TAG_EXISTS.on("name"));
    tx.exec(
        "UPDATE tags SET name = coalesce(:name, name), updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name: &patch.name },
    );
    if let Some(name) = &patch.name {
        tx.exec("UPDATE model_tags SET pairs = :pairs WHERE tag_id = :id", args! { id, pairs: search::index(name) });
    }
}

pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM tags WHERE id = :id", args! { id });
}

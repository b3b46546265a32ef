//! The SQL of uploads.

use ports::Stmt;
use store::spec::{NEWEST, OLDEST, OWN};
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};

use crate::picture::Picture;

pub static UPLOADS: Spec = Spec {
    name: "uploads",
    from: "uploads t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("key", "t.key", Kind::Text),
        Column::new("url", "iif(t.multipart IS NULL, '/files/' || t.key, NULL)", Kind::Text),
        Column::new("size", "t.size", Kind::Int),
        Column::new("content_type", "t.content_type", Kind::Text),
        Column::new("width", "t.width", Kind::Int),
        Column::new("height", "t.height", Kind::Int),
        Column::new("complete", "t.multipart IS NULL", Kind::Bool),
        // model::PART_SIZE, while parts are awaited.
        Column::new("part_size", "iif(t.multipart IS NULL, NULL, 33554432)", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: OWN,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::None,
    sorts: &[NEWEST, OLDEST, Sort { name: "size", also: &[], sql: "t.size", descending: true }],
};

pub fn insert(scope: Scope, key: &str, size: i64, picture: &Picture) -> Stmt {
    scope.stmt(
        "INSERT INTO uploads (key, content_type, size, width, height, user_id, created_at, updated_at) \
         VALUES (?3, ?4, ?5, ?6, ?7, ?1, ?2, ?2)",
        [
            key.into(),
            picture.content_type.into(),
            size.into(),
            i64::from(picture.width).into(),
            i64::from(picture.height).into(),
        ],
    )
}

/// A file whose parts are to come; `upload` is the object store's name for it.
pub fn insert_parts(scope: Scope, key: &str, content_type: &str, upload: &str) -> Stmt {
    scope.stmt(
        "INSERT INTO uploads (key, content_type, multipart, user_id, created_at, updated_at) \
         VALUES (?3, ?4, ?5, ?1, ?2, ?2)",
        [key.into(), content_type.into(), upload.into()],
    )
}

/// `key` and `multipart` of an upload.
pub fn place(scope: Scope, id: i64) -> Stmt {
    scope.stmt("SELECT key, multipart FROM uploads WHERE id = ?3", [id.into()])
}

/// Its parts have been put together to so many bytes.
pub fn complete(scope: Scope, id: i64, size: i64) -> Stmt {
    scope.stmt(
        "UPDATE uploads SET multipart = NULL, size = ?4, updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [id.into(), size.into()],
    )
}

/// Yields the `key` of what is gone.
pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM uploads WHERE id = ?3 RETURNING key", [id.into()])
}

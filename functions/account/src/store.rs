//! An account is a user together with the session that asks.

use ::store::{Column, Kind, Search, Spec};

/// Its key is the session's id.
pub static ACCOUNT: Spec = Spec {
    name: "account",
    from: "sessions s JOIN users t ON t.id = s.user_id",
    key: "s.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("email", "t.email", Kind::Text),
        Column::new("admin", "t.admin", Kind::Bool),
        Column::new("session_id", "s.id", Kind::Text),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: "t.id = ?1",
    writable: "TRUE",
    owner: "t.id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[],
    search: Search::None,
    sorts: &[],
};

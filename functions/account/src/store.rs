//! An account is a user together with the session that asks, if it is one.

use ::store::ledger::POINTS_OF_ROW;
use ::store::{Column, Credential, Kind, Scope, Search, Spec, list};
use ports::Stmt;

/// `?3` is the session's id; NULL for an API key, which has none.
pub static ACCOUNT: Spec = Spec {
    name: "account",
    from: "users t LEFT JOIN sessions s ON s.id = ?3 AND s.user_id = t.id",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("email", "t.email", Kind::Text),
        Column::new("admin", "t.admin", Kind::Bool),
        Column::new("points", POINTS_OF_ROW, Kind::Int),
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

/// The account of whoever asks.
pub fn item(scope: Scope, credential: &Credential) -> Stmt {
    list::item_where(&ACCOUNT, scope, "TRUE", [credential.session().into()])
}

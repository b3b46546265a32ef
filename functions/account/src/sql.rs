//! The SQL of accounts. An account is a user together with the session that asks, if a session does.

use domain::messages::EMAIL_TAKEN;
use store::ledger::POINTS_OF_ROW;
use store::users::{self, UserChanges};
use store::{Column, Kind, Query, Scope, Spec, Tx, Visible, args, list};
use web::password::NewPassword;

use crate::model::AccountPatch;

/// `:session_id` is NULL for an API key, which has no session.
pub static ACCOUNT: Spec = Spec {
    name: "account",
    from: "users t LEFT JOIN sessions s ON s.id = :session_id AND s.user_id = t.id",
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
    visible: Visible::Where("t.id = :me"),
    writable: "TRUE",
    owner: "t.id",
    ..Spec::EMPTY
};

/// The caller's account as a JSON object `item`.
pub fn item(scope: Scope, session_id: Option<&str>) -> Query {
    list::item_where(&ACCOUNT, scope, "TRUE", args! { session_id })
}

/// Changes the caller's account; a new password ends all their sessions but `session_id`.
pub fn update(tx: &mut Tx, user: i64, patch: &AccountPatch, new: Option<&NewPassword>, session_id: Option<&str>) {
    tx.unique("users.email", EMAIL_TAKEN.on("email"));
    let changes = UserChanges {
        name: patch.name.as_deref(),
        email: patch.email.as_deref(),
        admin: None,
        password: new.map(|new| (new.phc.as_str(), new.replaced.as_str())),
    };
    users::change(tx, user, &changes, session_id);
}

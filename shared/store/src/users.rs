//! Users, as three functions see them: the people's list, their own account, and whoever logs in.

use ports::Stmt;

use crate::ledger::POINTS_OF_ROW;
use crate::list::Scope;
use crate::spec::{BY_NAME, Column, Filter, FilterRule, Kind, NEWEST, OLDEST, Search, Spec};

/// E-mail addresses and points are shown to their owner and to administrators.
pub static USERS: Spec = Spec {
    name: "users",
    from: "users t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("email", EMAIL, Kind::Text),
        Column::new("admin", "t.admin", Kind::Bool),
        Column::new("points", POINTS_OF_ROW, Kind::Int),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: "TRUE",
    writable: "(t.id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1)",
    owner: "t.id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.id IN ({ids})") },
        Filter { name: "admin", also: &[], rule: FilterRule::Flag("t.admin") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    // Names, and the addresses the caller sees.
    search: Search::Contains(
        "(t.name || iif(t.id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1, char(10) || t.email, ''))",
    ),
    sorts: &[NEWEST, OLDEST, BY_NAME],
};

const EMAIL: &str = "iif(t.id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1, t.email, NULL)";

/// What is to change about a user; `None` stays as it is.
#[derive(Default)]
pub struct Changes<'a> {
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub admin: Option<bool>,
    /// A PHC string, and the one it replaces.
    pub password: Option<(&'a str, &'a str)>,
}

/// The hash of a user's password.
pub fn password(scope: Scope, user: i64) -> Stmt {
    scope.stmt("SELECT password FROM users WHERE id = ?3", [user.into()])
}

/// Changes a user. A new password ends every session of theirs but `keep` (none has an empty id), and fails with
/// `forbidden` when the password is no longer the one it replaces. API keys stay: programs hold them, and whoever
/// wants them gone removes them one by one.
pub fn change(scope: Scope, user: i64, changes: &Changes, keep: &str) -> Vec<Stmt> {
    let mut stmts = Vec::new();
    if let Some((_, was)) = changes.password {
        stmts.push(scope.stmt(
            "INSERT INTO guard SELECT 'forbidden', EXISTS (SELECT 1 FROM users WHERE id = ?3 AND password = ?4)",
            [user.into(), was.into()],
        ));
        stmts.push(scope.stmt("DELETE FROM sessions WHERE user_id = ?3 AND id <> ?4", [user.into(), keep.into()]));
    }
    stmts.push(scope.stmt(
        "UPDATE users SET name = coalesce(?4, name), email = coalesce(?5, email), admin = coalesce(?6, admin), \
         password = coalesce(?7, password), updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [
            user.into(),
            changes.name.into(),
            changes.email.into(),
            changes.admin.into(),
            changes.password.map(|(phc, _)| phc).into(),
        ],
    ));
    stmts
}

//! Users, for the three functions that know them: the list of people, one's own account, and log-in.

use crate::args;
use crate::ledger::POINTS_OF_ROW;
use crate::spec::{BY_NAME, Column, DATE_FILTER, Filter, FilterRule, Kind, NEWEST, OLDEST, Search, Spec};
use crate::tx::{StmtIndex, Tx};

/// People. E-mail addresses and points are shown to their owner and to administrators.
pub static USERS: Spec = Spec {
    name: "users",
    from: "users t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("email", EMAIL, Kind::Text),
        Column::new("admin", "t.admin", Kind::Bool),
        Column::new("points", POINTS_OF_ROW, Kind::Int),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    writable: "(t.id = :me OR (SELECT admin FROM users WHERE id = :me) = 1)",
    owner: "t.id",
    counted: true,
    // Points change by entries of the ledger, which leave `updated_at` as it is.
    seq: "t.updated_at + coalesce((SELECT max(e.id) FROM entries e WHERE e.user_id = t.id), 0)",
    filters: &[
        Filter { name: "user", aliases: &["user_id"], rule: FilterRule::Users("t.id IN ({ids})") },
        Filter { name: "admin", aliases: &[], rule: FilterRule::Flag("t.admin") },
        DATE_FILTER,
    ],
    // Names, and the addresses that the caller sees.
    search: Search::Contains(
        "(t.name || iif(t.id = :me OR (SELECT admin FROM users WHERE id = :me) = 1, char(10) || t.email, ''))",
    ),
    sorts: &[NEWEST, OLDEST, BY_NAME],
    ..Spec::EMPTY
};

const EMAIL: &str = "iif(t.id = :me OR (SELECT admin FROM users WHERE id = :me) = 1, t.email, NULL)";

/// Changes of a user; None leaves a column as it is.
#[derive(Default)]
pub struct UserChanges<'a> {
    /// A new name.
    pub name: Option<&'a str>,
    /// A new address.
    pub email: Option<&'a str>,
    /// Administrator or not.
    pub admin: Option<bool>,
    /// The PHC string of a new password, and the one it replaces.
    pub password: Option<(&'a str, &'a str)>,
}

/// Queries `password`, the PHC string of a user.
pub fn password(tx: &mut Tx, user: i64) -> StmtIndex {
    tx.exec("SELECT password FROM users WHERE id = :user", args! { user })
}

/// Changes a user. A new password ends every session of theirs but `keep`, and fails the transaction with `forbidden`
/// when the password is no longer the one it replaces. API keys stay: programs hold them, and they are removed one by
/// one.
pub fn change(tx: &mut Tx, user: i64, changes: &UserChanges<'_>, keep: Option<&str>) {
    if let Some((_, replaced)) = changes.password {
        tx.guard(
            &domain::messages::FORBIDDEN,
            "EXISTS (SELECT 1 FROM users WHERE id = :user AND password = :replaced)",
            args! { user, replaced },
        );
        tx.exec("DELETE FROM sessions WHERE user_id = :user AND id IS NOT :keep", args! { user, keep });
    }
    tx.exec(
        "UPDATE users SET name = coalesce(:name, name), email = coalesce(:email, email), \
         admin = coalesce(:admin, admin), password = coalesce(:password, password), \
         updated_at = max(:now, updated_at + 1) WHERE id = :user",
        args! {
            user,
            name: changes.name,
            email: changes.email,
            admin: changes.admin,
            password: changes.password.map(|(phc, _)| phc),
        },
    );
}

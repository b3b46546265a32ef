//! Points. The bookkeeping itself is the database's: triggers hold a task's cost when it is inserted, capture or void the
//! hold when it ends, and write the entries. Here is what is asked of it. The rules in words: `domain::ledger`.

use ports::Stmt;

use crate::list::Scope;

/// What a user may spend now: the grants that have not expired. An SQL expression; `?2` is now.
macro_rules! spendable {
    ($user:literal) => {
        concat!(
            "(SELECT coalesce(sum(g.remaining), 0) FROM grants g WHERE g.user_id = ",
            $user,
            " AND g.remaining > 0 AND (g.expires_at IS NULL OR g.expires_at > ?2))"
        )
    };
}

/// The same of the user an expression of ours names.
pub fn spendable(user: &str) -> String {
    spendable!("{user}").replace("{user}", user)
}

/// The same of the row `t` of users; null for anyone but that user and administrators.
pub const POINTS_OF_ROW: &str =
    concat!("iif(t.id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1, ", spendable!("t.id"), ", NULL)");

/// What points are given as; those for a redeem code are in `redeem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// By an administrator.
    Grant,
    /// To begin with.
    Signup,
}

pub struct NewGrant<'a> {
    pub kind: GrantKind,
    /// At most `domain::ledger::MAX_POINTS`; nothing is granted when it is not positive.
    pub amount: i64,
    pub reason: &'a str,
    /// Milliseconds since 1970; None for never.
    pub expires_at: Option<i64>,
}

/// Gives points to the users a query of ours yields in `id`; its own arguments are numbered from `?8`. The granting
/// administrator is the caller, if there is one.
pub fn grant(scope: Scope, grant: &NewGrant, users: &str, args: impl IntoIterator<Item = ports::Value>) -> Stmt {
    let kind = match grant.kind {
        GrantKind::Grant => "grant",
        GrantKind::Signup => "signup",
    };
    let mut all: Vec<ports::Value> =
        vec![kind.into(), grant.amount.into(), grant.reason.into(), grant.expires_at.into(), 0.into()];
    all.extend(args);
    scope.stmt(
        format!(
            "INSERT INTO grants (user_id, kind, amount, remaining, reason, expires_at, granted_by, created_at) \
             SELECT u.id, ?3, ?4, ?4, ?5, ?6, nullif(?1, ?7), ?2 FROM ({users}) u WHERE ?4 > 0"
        ),
        all,
    )
}

/// The points a new account begins with, for the user of this address, once.
pub fn welcome(scope: Scope, points: i64, email: &str) -> Stmt {
    let gift = NewGrant { kind: GrantKind::Signup, amount: points, reason: "", expires_at: None };
    let new = "SELECT n.id FROM users n WHERE n.email = ?8 \
        AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_id = n.id AND g.kind = 'signup')";
    grant(scope, &gift, new, [email.into()])
}

/// Takes back what has expired.
pub fn expire(scope: Scope) -> Stmt {
    scope.stmt("UPDATE grants SET expired_at = ?2 WHERE expired_at IS NULL AND expires_at <= ?2", [])
}

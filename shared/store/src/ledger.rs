//! Points. The database keeps the ledger by itself: triggers hold a task's cost when it is inserted, capture or void
//! the hold when it ends, and write the entries. Here are the questions to it, and grants.

use domain::Millis;

use crate::args;
use crate::query::Arg;
use crate::tx::Tx;

/// Points a user may spend now, those of grants that have not expired, as an SQL expression. `user` is one too.
macro_rules! spendable {
    ($user:literal) => {
        concat!(
            "(SELECT coalesce(sum(g.remaining), 0) FROM grants g WHERE g.user_id = ",
            $user,
            " AND g.remaining > 0 AND (g.expires_at IS NULL OR g.expires_at > :now))"
        )
    };
}

/// Points a user may spend now, as an SQL expression; `user` is an SQL expression of their id.
pub fn spendable(user: &str) -> String {
    spendable!("{user}").replace("{user}", user)
}

/// Points of the row `t` of users; null for anyone but that user and administrators.
pub const POINTS_OF_ROW: &str =
    concat!("iif(t.id = :me OR (SELECT admin FROM users WHERE id = :me) = 1, ", spendable!("t.id"), ", NULL)");

/// The origin of a grant; grants for redeem codes are made in `redeem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// Given by an administrator.
    Grant,
    /// Given to a new account.
    Signup,
}

/// Points for one or several users.
pub struct NewGrant<'a> {
    /// The origin.
    pub kind: GrantKind,
    /// At most `domain::ledger::MAX_POINTS`; nothing is granted when it is not positive.
    pub amount: i64,
    /// Shown to the user.
    pub reason: &'a str,
    /// None for never.
    pub expires_at: Option<Millis>,
}

/// Gives points to the users that a query of ours yields in `id`. The caller, if there is one, is the giver.
pub fn grant(tx: &mut Tx, grant: &NewGrant<'_>, users: &str, args: impl IntoIterator<Item = Arg>) {
    let kind = match grant.kind {
        GrantKind::Grant => "grant",
        GrantKind::Signup => "signup",
    };
    let grant = args! { kind, amount: grant.amount, reason: grant.reason, expires_at: grant.expires_at };
    tx.exec(
        format!(
            "INSERT INTO grants (user_id, kind, amount, remaining, reason, expires_at, granted_by, created_at) \
             SELECT u.id, :kind, :amount, :amount, :reason, :expires_at, nullif(:me, 0), :now \
             FROM ({users}) u WHERE :amount > 0"
        ),
        grant.into_iter().chain(args),
    );
}

/// Gives the user of this address the points of a new account, once.
pub fn welcome(tx: &mut Tx, points: i64, email: &str) {
    let gift = NewGrant { kind: GrantKind::Signup, amount: points, reason: "", expires_at: None };
    let new = "SELECT n.id FROM users n WHERE n.email = :email \
        AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_id = n.id AND g.kind = 'signup')";
    grant(tx, &gift, new, args! { email });
}

/// Takes expired points back.
pub fn expire(tx: &mut Tx) {
    tx.exec("UPDATE grants SET expired_at = :now WHERE expired_at IS NULL AND expires_at <= :now", []);
}

//! The guard that every authenticated batch begins with.

use ports::Stmt;

use crate::list::Scope;

/// Fails the batch with `unauthenticated` unless the session is this user's and has not ended.
pub fn guard(scope: Scope, session_id: &str) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'unauthenticated', EXISTS \
         (SELECT 1 FROM sessions WHERE id = ?3 AND user_id = ?1 AND expires_at > ?2)",
        [session_id.into()],
    )
}

/// Fails the batch with `forbidden` unless the caller is an administrator.
pub fn admin(scope: Scope) -> Stmt {
    scope.stmt("INSERT INTO guard SELECT 'forbidden', EXISTS (SELECT 1 FROM users WHERE id = ?1 AND admin = 1)", [])
}

//! The SQL of users that only this function needs; the rest is in `store::users`.

use ::store::users::USERS;
use ::store::{Scope, outbox, tasks};
use ports::Stmt;

use crate::model::NewUser;

pub fn is_admin(scope: Scope) -> Stmt {
    scope.stmt("SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND admin = 1) AS admin", [])
}

pub fn insert(scope: Scope, user: &NewUser, phc: &str) -> Stmt {
    scope.stmt(
        "INSERT INTO users (name, email, password, admin, created_at, updated_at) VALUES (?3, ?4, ?5, ?6, ?2, ?2)",
        [user.name.as_str().into(), user.email.as_str().into(), phc.into(), user.admin.into()],
    )
}

/// The user of this address, new in this batch, as they see themselves: whoever signs up has no token yet.
pub fn inserted(scope: Scope, email: &str) -> Stmt {
    let object = USERS.object(scope.profile).replace("?1", "t.id");
    scope.stmt(format!("SELECT {object} AS item FROM users t WHERE t.email = ?3"), [email.into()])
}

/// Fails the batch with `conflict` when no administrator would be left without this user.
pub fn not_the_last_admin(scope: Scope, id: i64) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'conflict', NOT EXISTS (SELECT 1 FROM users WHERE id = ?3 AND admin = 1) \
         OR EXISTS (SELECT 1 FROM users WHERE admin = 1 AND id <> ?3)",
        [id.into()],
    )
}

/// Removes a user. Foreign keys take their rows along; their stored objects follow by the outbox.
pub fn delete(scope: Scope, id: i64) -> Vec<Stmt> {
    let mut stmts = vec![
        not_the_last_admin(scope, id),
        outbox::delete_blobs(scope, "SELECT key FROM images WHERE user_id = ?3", [id.into()]),
        outbox::delete_uploads(scope, 0, "SELECT key, multipart FROM uploads WHERE user_id = ?3", [id.into()]),
    ];
    stmts.extend(tasks::discard(scope, "SELECT id FROM tasks WHERE user_id = ?3", [id.into()]));
    stmts.extend([
        scope.stmt("DELETE FROM idempotency WHERE user_id = ?3", [id.into()]),
        scope.stmt("DELETE FROM users WHERE id = ?3", [id.into()]),
    ]);
    stmts
}

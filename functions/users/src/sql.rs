//! The SQL of users that only this function needs; the rest is in `store::users`.

use domain::messages::{EMAIL_TAKEN, LAST_ADMIN};
use store::users::{self, USERS, UserChanges};
use store::{Query, Scope, StmtIndex, Tx, args, ledger, outbox, sessions, substitute, tasks};
use web::password::NewPassword;

use crate::model::{NewUser, UserPatch};

/// Queries `admin`, true when the caller is an administrator.
pub fn is_admin(tx: &mut Tx) -> StmtIndex {
    tx.exec("SELECT EXISTS (SELECT 1 FROM users WHERE id = :me AND admin = 1) AS admin", [])
}

/// Inserts a user with the PHC string of their password, and gives them `welcome` points.
pub fn insert(tx: &mut Tx, user: &NewUser, phc: &str, welcome: i64) {
    tx.unique("users.email", EMAIL_TAKEN.on("email"));
    tx.exec(
        "INSERT INTO users (name, email, password, admin, created_at, updated_at) \
         VALUES (:name, :email, :phc, :admin, :now, :now)",
        args! { name: &user.name, email: &user.email, phc, admin: user.admin },
    );
    ledger::welcome(tx, welcome, &user.email);
}

/// The new user of this address as they see themselves: whoever signs up has no token yet.
pub fn inserted(scope: Scope, email: &str) -> Query {
    let object = substitute(&USERS.object(scope), "me", "t.id");
    Query::new(format!("SELECT {object} AS item FROM users t WHERE t.email = :email"), args! { email })
}

/// Changes a user; a new password ends all their sessions but `session_id`. Only administrators change who is one.
pub fn update(tx: &mut Tx, id: i64, patch: &UserPatch, new: Option<&NewPassword>, session_id: Option<&str>) {
    tx.unique("users.email", EMAIL_TAKEN.on("email"));
    if let Some(admin) = patch.admin {
        sessions::require_admin(tx);
        if !admin {
            require_another_admin(tx, id);
        }
    }
    let changes = UserChanges {
        name: patch.name.as_deref(),
        email: patch.email.as_deref(),
        admin: patch.admin,
        password: new.map(|new| (new.phc.as_str(), new.replaced.as_str())),
    };
    users::change(tx, id, &changes, session_id);
}

/// Fails the transaction with `last_admin` when the user is the only administrator.
fn require_another_admin(tx: &mut Tx, id: i64) {
    tx.guard(
        &LAST_ADMIN,
        "NOT EXISTS (SELECT 1 FROM users WHERE id = :id AND admin = 1) \
         OR EXISTS (SELECT 1 FROM users WHERE admin = 1 AND id <> :id)",
        args! { id },
    );
}

/// Deletes a user. Foreign keys delete their rows; the outbox deletes their stored objects.
pub fn delete(tx: &mut Tx, id: i64) {
    require_another_admin(tx, id);
    outbox::delete_blobs(tx, "SELECT key FROM images WHERE user_id = :id", args! { id });
    outbox::delete_uploads(tx, 0, "SELECT key, multipart FROM uploads WHERE user_id = :id", args! { id });
    tasks::discard_objects(tx, "SELECT id FROM tasks WHERE user_id = :id", args! { id });
    tx.exec("DELETE FROM idempotency WHERE user_id = :id", args! { id });
    tx.exec("DELETE FROM users WHERE id = :id", args! { id });
}

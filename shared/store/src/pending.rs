//! Objects that have no row yet, so that none is forgotten: what is about to be stored is written down first, and the
//! batch that inserts its row strikes it out. What is still there after an hour was left by a request that died. Parts
//! of files that nobody completes are given up after a day.

use ports::Stmt;

use crate::list::Scope;
use crate::outbox;

/// Before the object is stored, in a batch of its own.
pub fn expect(scope: Scope, key: &str) -> Stmt {
    scope.stmt("INSERT INTO pending_objects (key, created_at) VALUES (?3, ?2)", [key.into()])
}

/// In the batch that inserts its row. Fails it with `gone` when the object was given up meanwhile.
pub fn arrived(scope: Scope, key: &str) -> [Stmt; 2] {
    [
        "INSERT INTO guard SELECT 'gone', EXISTS (SELECT 1 FROM pending_objects WHERE key = ?3)",
        "DELETE FROM pending_objects WHERE key = ?3",
    ]
    .map(|sql| scope.stmt(sql, [key.into()]))
}

/// Gives up what nobody waits for any more.
pub fn sweep(scope: Scope) -> [Stmt; 4] {
    const OBJECTS: &str = "FROM pending_objects WHERE created_at <= ?2 - 3600000";
    const UPLOADS: &str = "FROM uploads WHERE multipart IS NOT NULL AND created_at <= ?2 - 86400000";
    // A request that is completing the upload right now will have ended, and left an object or not.
    const COMPLETED_MS: u32 = 600_000;
    [
        outbox::delete_blobs(scope, &format!("SELECT key {OBJECTS}"), []),
        scope.stmt(format!("DELETE {OBJECTS}"), []),
        outbox::delete_uploads(scope, COMPLETED_MS, &format!("SELECT key, multipart {UPLOADS}"), []),
        scope.stmt(format!("DELETE {UPLOADS}"), []),
    ]
}

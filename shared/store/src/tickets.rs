//! One-time tickets: browsers cannot set headers on a WebSocket or EventSource, so they exchange their token or key for
//! a ticket first and put that into the URL. A ticket lasts 30 seconds, works once, is stored hashed, and ends with
//! the session or key it was given for.

use ports::{Row, Stmt};

use crate::credential::Credential;
use crate::list::Scope;

pub const LIFETIME_MS: i64 = 30_000;

/// `hash` is the hex SHA-256 of the ticket.
pub fn issue(scope: Scope, hash: &str, credential: &Credential) -> [Stmt; 2] {
    let (sql, whose) = match credential {
        Credential::Session(id) => {
            ("INSERT INTO tickets (id, session_id, expires_at) VALUES (?3, ?4, ?2 + ?5)", id.as_str())
        }
        Credential::Key(hash) => (
            "INSERT INTO tickets (id, key_id, expires_at) SELECT ?3, k.id, ?2 + ?5 FROM keys k WHERE k.hash = ?4",
            hash.as_str(),
        ),
    };
    [
        scope.stmt("DELETE FROM tickets WHERE expires_at <= ?2", []),
        scope.stmt(sql, [hash.into(), whose.into(), LIFETIME_MS.into()]),
    ]
}

/// Uses a ticket up: who holds it, and then it is gone.
pub fn redeem(scope: Scope, hash: &str) -> [Stmt; 2] {
    [
        scope.stmt(
            "SELECT s.id AS session_id, k.hash AS key_hash, coalesce(s.user_id, k.user_id) AS user_id FROM tickets t \
             LEFT JOIN sessions s ON s.id = t.session_id LEFT JOIN keys k ON k.id = t.key_id \
             WHERE t.id = ?3 AND t.expires_at > ?2",
            [hash.into()],
        ),
        scope.stmt("DELETE FROM tickets WHERE id = ?3", [hash.into()]),
    ]
}

/// The user of a redeemed ticket, and what it was given for: whether that still stands is for the next batch's guards.
pub fn holder(row: Row<'_>) -> Option<(i64, Credential)> {
    let session = row.text("session_id").map(|id| Credential::Session(id.to_string()));
    let credential = session.or_else(|| Some(Credential::Key(row.text("key_hash")?.to_string())))?;
    Some((row.int("user_id")?, credential))
}

//! One-time tickets: browsers cannot set headers on a WebSocket or EventSource, so they exchange their token for a
//! ticket first and put that into the URL. A ticket lasts 30 seconds, works once, and is stored hashed.

use ports::{Row, Stmt};

use crate::list::Scope;

pub const LIFETIME_MS: i64 = 30_000;

/// `hash` is the hex SHA-256 of the ticket.
pub fn issue(scope: Scope, hash: &str, session_id: &str) -> [Stmt; 2] {
    [
        scope.stmt("DELETE FROM tickets WHERE expires_at <= ?2", []),
        scope.stmt(
            "INSERT INTO tickets (id, session_id, expires_at) VALUES (?3, ?4, ?2 + ?5)",
            [hash.into(), session_id.into(), LIFETIME_MS.into()],
        ),
    ]
}

/// Uses a ticket up: who holds it, and then it is gone.
pub fn redeem(scope: Scope, hash: &str) -> [Stmt; 2] {
    [
        scope.stmt(
            "SELECT s.id AS session_id, s.user_id FROM tickets k JOIN sessions s ON s.id = k.session_id \
             WHERE k.id = ?3 AND k.expires_at > ?2 AND s.expires_at > ?2",
            [hash.into()],
        ),
        scope.stmt("DELETE FROM tickets WHERE id = ?3", [hash.into()]),
    ]
}

/// (user id, session id) of a redeemed ticket.
pub fn holder(row: Row<'_>) -> Option<(i64, String)> {
    Some((row.int("user_id")?, row.text("session_id")?.to_string()))
}

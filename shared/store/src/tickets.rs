//! One-time tickets. Browsers cannot set headers on a WebSocket or EventSource, so they exchange their token or key for
//! a ticket and put that into the URL. A ticket lasts 30 seconds, works once, is stored hashed, and ends with the
//! session or key it was given for.

use ports::Row;

use crate::args;
use crate::credential::Credential;
use crate::tx::{StmtIndex, Tx};

/// Milliseconds a ticket is valid.
pub const LIFETIME_MS: i64 = 30_000;

/// Stores a ticket; `hash` is its hex SHA-256.
pub fn issue(tx: &mut Tx, hash: &str, credential: &Credential) {
    sweep(tx);
    match credential {
        Credential::Session(session) => tx.exec(
            "INSERT INTO tickets (id, session_id, expires_at) VALUES (:hash, :session, :now + :lifetime)",
            args! { hash, session, lifetime: LIFETIME_MS },
        ),
        Credential::Key(key) => tx.exec(
            "INSERT INTO tickets (id, key_id, expires_at) \
             SELECT :hash, k.id, :now + :lifetime FROM keys k WHERE k.hash = :key",
            args! { hash, key, lifetime: LIFETIME_MS },
        ),
    };
}

/// Uses a ticket up; `holder` reads the row.
pub fn redeem(tx: &mut Tx, hash: &str) -> StmtIndex {
    let holder = tx.exec(
        "SELECT s.id AS session_id, k.hash AS key_hash, coalesce(s.user_id, k.user_id) AS user_id FROM tickets t \
         LEFT JOIN sessions s ON s.id = t.session_id LEFT JOIN keys k ON k.id = t.key_id \
         WHERE t.id = :hash AND t.expires_at > :now",
        args! { hash },
    );
    tx.exec("DELETE FROM tickets WHERE id = :hash", args! { hash });
    holder
}

/// The user of a redeemed ticket, and their credential. The next transaction's guards confirm that it still stands.
pub fn holder(row: Row<'_>) -> Option<(i64, Credential)> {
    let session = row.text("session_id").map(|id| Credential::Session(id.to_string()));
    let credential = session.or_else(|| Some(Credential::Key(row.text("key_hash")?.to_string())))?;
    Some((row.int("user_id")?, credential))
}

/// Removes expired tickets.
pub fn sweep(tx: &mut Tx) {
    tx.exec("DELETE FROM tickets WHERE expires_at <= :now", []);
}

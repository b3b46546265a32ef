//! `Idempotency-Key`: for 24 hours the same key and body give the stored response again, byte for byte.
//!
//! The response is stored by the batch that creates: the database builds its JSON, so it can also keep it. A repeat
//! fails that batch on the `replay` guard before anything is written, and is answered by `stored`.

use domain::Error;
use domain::messages::IDEMPOTENCY_KEY_REUSED;
use ports::{Sql, Stmt};

use crate::batch::failure;
use crate::list::Scope;

pub const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;

/// One use of a key: by whom, where, with which body.
#[derive(Clone, Debug)]
pub struct Key {
    /// Method and path, with the profile, as the response depends on it.
    pub route: String,
    pub key: String,
    /// Hex SHA-256 of the body.
    pub body_hash: String,
}

/// A response as it was first given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub status: u16,
    pub location: String,
    pub body: String,
}

/// Goes before the writes: fails the batch with `replay` when the key was used and has not expired.
pub fn guard(scope: Scope, key: &Key) -> [Stmt; 2] {
    let args = || [key.route.as_str().into(), key.key.as_str().into()];
    [
        scope.stmt(
            "DELETE FROM idempotency WHERE user_id = ?1 AND route = ?3 AND key = ?4 AND expires_at <= ?2",
            args(),
        ),
        scope.stmt(
            "INSERT INTO guard SELECT 'replay', NOT EXISTS \
             (SELECT 1 FROM idempotency WHERE user_id = ?1 AND route = ?3 AND key = ?4)",
            args(),
        ),
    ]
}

/// Goes after the writes: stores the item a query of ours yields in `item`, as a 201 at `location` + its id, if it has one.
/// The query's own arguments are numbered from `?9`.
pub fn store(scope: Scope, key: &Key, location: &str, item: &Stmt) -> Stmt {
    // The item's statement has standing arguments only, or its key as ?3: shift that to ?9.
    let query = item.sql.replace("?3", "?9");
    let mut args: Vec<ports::Value> = vec![
        key.route.as_str().into(),
        key.key.as_str().into(),
        key.body_hash.as_str().into(),
        LIFETIME_MS.into(),
        location.into(),
        201.into(),
    ];
    args.extend(item.args.get(2).cloned());
    scope.stmt(
        format!(
            "INSERT INTO idempotency (user_id, route, key, body_hash, status, response, location, expires_at) \
             SELECT ?1, ?3, ?4, ?5, ?8, i.item, ?7 || coalesce(json_extract(i.item, '$.id'), ''), ?2 + ?6 FROM ({query}) i"
        ),
        args,
    )
}

/// The stored response of a repeat; an error when the body is another one.
pub async fn stored(sql: &dyn Sql, scope: Scope, key: &Key) -> Result<Stored, Error> {
    let query = scope.stmt(
        "SELECT body_hash, status, response, location FROM idempotency \
         WHERE user_id = ?1 AND route = ?3 AND key = ?4 AND expires_at > ?2",
        [key.route.as_str().into(), key.key.as_str().into()],
    );
    let rows = sql.run(vec![query]).await.map_err(failure)?;
    let row = rows.first().and_then(|r| r.first()).ok_or_else(|| IDEMPOTENCY_KEY_REUSED.error())?;
    if row.text("body_hash") != Some(&key.body_hash) {
        return Err(IDEMPOTENCY_KEY_REUSED.on("Idempotency-Key"));
    }
    Ok(Stored {
        status: row.int("status").and_then(|s| u16::try_from(s).ok()).unwrap_or(201),
        location: row.text("location").unwrap_or_default().to_string(),
        body: row.text("response").unwrap_or_default().to_string(),
    })
}

/// Removes what has expired.
pub fn sweep(scope: Scope) -> Stmt {
    scope.stmt("DELETE FROM idempotency WHERE expires_at <= ?2", [])
}

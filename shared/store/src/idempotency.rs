//! `Idempotency-Key`: for 24 hours the same key and body get the stored response again, byte for byte.
//!
//! The transaction that creates also stores the response, whose JSON the database builds. A repeat fails that
//! transaction's guard before anything is written (`Tx::once`), and is answered by `stored`.

use domain::Error;
use domain::messages::IDEMPOTENCY_KEY_REUSED;
use ports::Sql;

use crate::args;
use crate::query::{Arg, Query, Scope};
use crate::tx::{Tx, failure};

/// Milliseconds a response is kept.
pub const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;

/// One use of a key: where, with which body.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Method, path and API version: the response depends on all three.
    pub route: String,
    /// As the caller sent it.
    pub key: String,
    /// Hex SHA-256 of the body.
    pub body_hash: String,
    /// The `Location` of the new object, without its id.
    pub location: String,
}

/// A response as it was first given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// `Location`.
    pub location: String,
    /// JSON.
    pub body: String,
}

/// Forgets an earlier use of the key that has expired.
pub(crate) fn forget_expired(key: &IdempotencyKey) -> Query {
    Query::new(
        "DELETE FROM idempotency WHERE user_id = :me AND route = :route AND key = :key AND expires_at <= :now",
        args! { route: &key.route, key: &key.key },
    )
}

/// The condition that the key is not in use.
pub(crate) fn is_new(key: &IdempotencyKey) -> (&'static str, Vec<Arg>) {
    (
        "NOT EXISTS (SELECT 1 FROM idempotency WHERE user_id = :me AND route = :route AND key = :key)",
        args! { route: &key.route, key: &key.key },
    )
}

/// Stores the response to a creation: the `item` of a query, and its location.
pub(crate) fn store(key: &IdempotencyKey, item: Query) -> Query {
    item.wrap(
        |item| {
            format!(
                "INSERT INTO idempotency (user_id, route, key, body_hash, status, response, location, expires_at) \
                 SELECT :me, :idempotency_route, :idempotency_key, :body_hash, 201, i.item, \
                 :location || coalesce(json_extract(i.item, '$.id'), ''), :now + :lifetime FROM ({item}) i"
            )
        },
        args! {
            idempotency_route: &key.route,
            idempotency_key: &key.key,
            body_hash: &key.body_hash,
            location: &key.location,
            lifetime: LIFETIME_MS,
        },
    )
}

/// The stored response to a repeat.
///
/// # Errors
///
/// `idempotency_key_reused` when the body is another one.
pub(crate) async fn stored(sql: &dyn Sql, scope: Scope, key: &IdempotencyKey) -> Result<Stored, Error> {
    let query = Query::new(
        "SELECT body_hash, response, location FROM idempotency \
         WHERE user_id = :me AND route = :route AND key = :key AND expires_at > :now",
        args! { route: &key.route, key: &key.key },
    );
    let rows = sql.run(vec![query.bind(scope)]).await.map_err(failure)?;
    let row = rows.first().and_then(|r| r.first()).ok_or_else(|| IDEMPOTENCY_KEY_REUSED.error())?;
    if row.text("body_hash") != Some(&key.body_hash) {
        return Err(IDEMPOTENCY_KEY_REUSED.on("Idempotency-Key"));
    }
    Ok(Stored {
        location: row.text("location").unwrap_or_default().to_string(),
        body: row.text("response").unwrap_or_default().to_string(),
    })
}

/// Removes what has expired.
pub fn sweep(tx: &mut Tx) {
    tx.exec("DELETE FROM idempotency WHERE expires_at <= :now", []);
}

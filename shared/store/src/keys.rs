//! Guards of requests that carry an API key. A key is found by the hash of its whole text alone: the user in that text
//! counts only when the row agrees. Making and listing keys is in `functions/keys`.

use domain::api_key::Access;
use domain::messages::{INVALID_TOKEN, MISSING_SCOPE};

use crate::args;
use crate::tx::Tx;

/// `last_used_at` is exact to this many milliseconds: a key in steady use costs one write a minute.
const USE_RECORDED_EVERY_MS: i64 = 60_000;

/// Fails the transaction with `invalid_token` unless the key is the caller's and has not expired, with `missing_scope`
/// unless it allows `access`; then records its use. `hash` is the hex SHA-256 of the key.
///
/// A refused request rolls the record back.
pub fn require(tx: &mut Tx, hash: &str, access: Access) {
    tx.guard(
        &INVALID_TOKEN,
        "EXISTS (SELECT 1 FROM keys WHERE hash = :hash AND user_id = :me AND (expires_at IS NULL OR expires_at > :now))",
        args! { hash },
    );
    tx.guard(
        &MISSING_SCOPE,
        "EXISTS (SELECT 1 FROM keys k, json_each(k.scopes) s WHERE k.hash = :hash AND s.value = :scope)",
        args! { hash, scope: access.name() },
    );
    tx.exec(
        "UPDATE keys SET last_used_at = :now \
         WHERE hash = :hash AND (last_used_at IS NULL OR last_used_at <= :now - :recorded_every)",
        args! { hash, recorded_every: USE_RECORDED_EVERY_MS },
    );
}

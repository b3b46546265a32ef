//! The guards of requests that carry an API key. Keys are found by the hash of their whole text and by nothing else,
//! so the user that stands in the text counts only when the row agrees. Making and listing keys is in `functions/keys`.

use domain::api_key::Access;
use ports::Stmt;

use crate::list::Scope;

/// `last_used_at` is exact to this: a key in steady use costs a write a minute.
const NOTED_EVERY_MS: i64 = 60_000;

/// Fails the batch with `unauthenticated` unless the key is this user's and has not expired, with `missing_scope`
/// unless it allows `access`; then notes that it was used. `hash` is the hex SHA-256 of the key.
///
/// The note is taken back with the batch, so a request that is refused leaves none.
pub fn guards(scope: Scope, hash: &str, access: Access) -> [Stmt; 3] {
    [
        scope.stmt(
            "INSERT INTO guard SELECT 'unauthenticated', EXISTS (SELECT 1 FROM keys \
             WHERE hash = ?3 AND user_id = ?1 AND (expires_at IS NULL OR expires_at > ?2))",
            [hash.into()],
        ),
        scope.stmt(
            "INSERT INTO guard SELECT 'missing_scope', EXISTS \
             (SELECT 1 FROM keys k, json_each(k.scopes) s WHERE k.hash = ?3 AND s.value = ?4)",
            [hash.into(), access.name().into()],
        ),
        scope.stmt(
            "UPDATE keys SET last_used_at = ?2 WHERE hash = ?3 AND (last_used_at IS NULL OR last_used_at <= ?2 - ?4)",
            [hash.into(), NOTED_EVERY_MS.into()],
        ),
    ]
}

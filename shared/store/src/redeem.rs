//! Redeeming a code. Making and listing codes is in `functions/redeem-codes`; how they read, in `domain::redeem`.

use domain::messages::{ALREADY_REDEEMED, REDEEM_CODE_INVALID};
use ports::Stmt;

use crate::batch::Batch;
use crate::list::Scope;

/// What gives the caller the points of a code, or fails the batch: with `already_redeemed` when they had them before, with
/// `redeem_code_invalid` when the code is unknown, past its time or used up. `hash` is the hex SHA-256 of
/// `domain::redeem::read`. The last of the statements inserts the grant.
pub fn redeem(batch: &mut Batch, scope: Scope, hash: &str) -> [Stmt; 5] {
    batch.meaning("conflict", &ALREADY_REDEEMED);
    batch.meaning("not_found", &REDEEM_CODE_INVALID);
    // A database lets one batch write at a time, so each finds the uses of those before it.
    [
        "INSERT INTO guard SELECT 'conflict', NOT EXISTS (SELECT 1 FROM redemptions r \
         JOIN redeem_codes c ON c.id = r.code_id WHERE c.hash = ?3 AND r.user_id = ?1)",
        "INSERT INTO guard SELECT 'not_found', EXISTS (SELECT 1 FROM redeem_codes WHERE hash = ?3 AND uses < max_uses \
         AND coalesce(expires_at > ?2, 1) AND coalesce(grant_expires_at > ?2, 1))",
        "INSERT INTO redemptions (code_id, user_id, created_at) SELECT id, ?1, ?2 FROM redeem_codes WHERE hash = ?3",
        "UPDATE redeem_codes SET uses = uses + 1, updated_at = max(?2, updated_at + 1) WHERE hash = ?3",
        "INSERT INTO grants (user_id, kind, amount, remaining, reason, expires_at, created_at) \
         SELECT ?1, 'redeem', points, points, prefix, coalesce(grant_expires_at, ?2 + grant_ms), ?2 \
         FROM redeem_codes WHERE hash = ?3",
    ]
    .map(|sql| scope.stmt(sql, [hash.into()]))
}

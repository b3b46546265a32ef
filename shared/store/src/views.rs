//! The history of what users have looked at (`image_views`).

use crate::args;
use crate::tx::Tx;

/// Rows that one round of the sweeper deletes.
const BATCH: i64 = 500;

/// Deletes views older than `kept_ms`.
pub fn sweep(tx: &mut Tx, kept_ms: i64) {
    tx.exec(
        "DELETE FROM image_views WHERE (user_id, image_id) IN (SELECT user_id, image_id FROM image_views \
         WHERE viewed_at < :now - :kept_ms ORDER BY viewed_at LIMIT :batch)",
        args! { kept_ms, batch: BATCH },
    );
}

//! Counters that slow down guessing and flooding. They live in the database, so they hold on every platform and across
//! isolates.

use domain::messages::TOO_MANY_REQUESTS;
use domain::{Error, Millis};
use ports::Row;

use crate::args;
use crate::tx::{StmtIndex, Tx};

/// Counts one request in a bucket (`login:1.2.3.4`) over `window_ms` from its first; `check` reads the row.
pub fn count(tx: &mut Tx, bucket: &str, window_ms: i64) -> StmtIndex {
    tx.exec(
        "INSERT INTO rate_limits (bucket, n, until) VALUES (:bucket, 1, :now + :window_ms) \
         ON CONFLICT (bucket) DO UPDATE SET n = iif(until <= :now, 1, n + 1), \
         until = iif(until <= :now, excluded.until, until) RETURNING n, until",
        args! { bucket, window_ms },
    )
}

/// Lets a transaction through once in `window_ms`; then `rate_limits.bucket` is a duplicate.
pub fn once(tx: &mut Tx, bucket: &str, window_ms: i64) {
    tx.exec(
        "INSERT INTO rate_limits (bucket, n, until) VALUES (:bucket, 1, :now + :window_ms)",
        args! { bucket, window_ms },
    );
}

/// Fails with `too_many_requests`, and the time to wait, when a counter has passed `max`.
pub fn check(counter: Option<Row<'_>>, max: i64, now: Millis) -> Result<(), Error> {
    let column = |name| counter.and_then(|row| row.int(name)).unwrap_or(0);
    if column("n") <= max {
        return Ok(());
    }
    let seconds = (column("until").saturating_sub(now.0).clamp(1, 86_400_000) + 999) / 1000;
    Err(TOO_MANY_REQUESTS.error().retry_after(u32::try_from(seconds).unwrap_or(1)))
}

/// Takes one count back.
pub fn uncount(tx: &mut Tx, bucket: &str) {
    tx.exec("UPDATE rate_limits SET n = max(n - 1, 0) WHERE bucket = :bucket", args! { bucket });
}

/// Forgets a bucket.
pub fn clear(tx: &mut Tx, bucket: &str) {
    tx.exec("DELETE FROM rate_limits WHERE bucket = :bucket", args! { bucket });
}

/// Removes counters whose window is over.
pub fn sweep(tx: &mut Tx) {
    tx.exec("DELETE FROM rate_limits WHERE until <= :now", []);
}

//! Counters that slow down guessing. They live in the database, so they hold on every platform and across isolates.

use domain::messages::TOO_MANY_REQUESTS;
use domain::{Error, Millis};
use ports::{Rows, Stmt};

use crate::list::Scope;

/// Counts a try in a bucket (`login:1.2.3.4`) over `window` milliseconds from the first; `within` reads its row.
pub fn tally(scope: Scope, bucket: &str, window: i64) -> Stmt {
    scope.stmt(
        "INSERT INTO attempts (bucket, n, until) VALUES (?3, 1, ?2 + ?4) ON CONFLICT (bucket) DO UPDATE SET \
         n = iif(until <= ?2, 1, n + 1), until = iif(until <= ?2, excluded.until, until) RETURNING n, until",
        [bucket.into(), window.into()],
    )
}

/// Lets a batch through once in `window` milliseconds; then `attempts.bucket` is a duplicate.
pub fn once(scope: Scope, bucket: &str, window: i64) -> Stmt {
    scope.stmt("INSERT INTO attempts (bucket, n, until) VALUES (?3, 1, ?2 + ?4)", [bucket.into(), window.into()])
}

/// An error that says when to try again, if a tally has passed `max`.
pub fn within(tally: &Rows, max: i64, now: Millis) -> Result<(), Error> {
    let row = tally.first();
    let (n, until) = row.map_or((0, 0), |r| (r.int("n").unwrap_or(0), r.int("until").unwrap_or(0)));
    if n <= max {
        return Ok(());
    }
    let seconds = (until.saturating_sub(now.0).clamp(1, 86_400_000) + 999) / 1000;
    Err(TOO_MANY_REQUESTS.error().retry_after(u32::try_from(seconds).unwrap_or(1)))
}

/// Takes one try back, as it was a good one.
pub fn forgive(scope: Scope, bucket: &str) -> Stmt {
    scope.stmt("UPDATE attempts SET n = max(n - 1, 0) WHERE bucket = ?3", [bucket.into()])
}

/// Forgets a bucket, after a success.
pub fn clear(scope: Scope, bucket: &str) -> Stmt {
    scope.stmt("DELETE FROM attempts WHERE bucket = ?3", [bucket.into()])
}

/// Removes counters whose window is over.
pub fn sweep(scope: Scope) -> Stmt {
    scope.stmt("DELETE FROM attempts WHERE until <= ?2", [])
}

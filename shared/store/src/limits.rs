//! Counters that slow down guessing. They live in the database, so they hold on every platform and across isolates.

use ports::Stmt;

use crate::list::Scope;

/// Counts a try in a bucket (`login:1.2.3.4`) and fails the batch with `too_many` beyond `max` within `window`
/// milliseconds from the first. A failed batch counts nothing, so the count stays at `max` until the window ends.
pub fn count(scope: Scope, bucket: &str, max: i64, window: i64) -> [Stmt; 2] {
    [
        scope.stmt(
            "INSERT INTO attempts (bucket, n, until) VALUES (?3, 1, ?2 + ?4) ON CONFLICT (bucket) DO UPDATE SET \
             n = iif(until <= ?2, 1, n + 1), until = iif(until <= ?2, excluded.until, until)",
            [bucket.into(), window.into()],
        ),
        scope.stmt(
            "INSERT INTO guard SELECT 'too_many', (SELECT n FROM attempts WHERE bucket = ?3) <= ?4",
            [bucket.into(), max.into()],
        ),
    ]
}

/// Forgets a bucket, after a success.
pub fn clear(scope: Scope, bucket: &str) -> Stmt {
    scope.stmt("DELETE FROM attempts WHERE bucket = ?3", [bucket.into()])
}

/// Removes counters whose window is over.
pub fn sweep(scope: Scope) -> Stmt {
    scope.stmt("DELETE FROM attempts WHERE until <= ?2", [])
}

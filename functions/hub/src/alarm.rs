//! The work of a room's alarm: what comes next, and when. Must not know what a room reads (`source`).

use crate::source::Source;

/// Milliseconds after which a room without watchers is deleted: time to come back with `?since=`.
pub const LINGER_MS: i64 = 60_000;

/// The next step of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the row again.
    Reread,
    /// Delete all that is stored.
    Delete,
    /// Set the alarm to so many milliseconds.
    Wait(i64),
    /// Nothing, until an event or a watcher comes.
    Rest,
}

/// The next step of a room that is `watched` or not, whose last event has passed or not (`ended`), `quiet_ms` after its
/// last event or reading.
pub fn step(watched: bool, ended: bool, source: Option<Source>, quiet_ms: i64) -> Step {
    let (after, then) = match (watched && !ended, source) {
        (true, None) => return Step::Rest,
        (true, Some(source)) => (source.reread_ms(), Step::Reread),
        (false, _) => (LINGER_MS, Step::Delete),
    };
    if quiet_ms >= after { then } else { Step::Wait((after - quiet_ms).min(after)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Option<Source> = Some(Source::Task(1));

    #[test]
    fn a_watched_room_that_is_quiet_reads_its_rows_again() {
        assert_eq!(step(true, false, TASK, 1_000), Step::Wait(4_000));
        assert_eq!(step(true, false, TASK, 5_000), Step::Reread);
        assert_eq!(step(true, false, Some(Source::Notifications(1)), 5_000), Step::Wait(25_000));
        assert_eq!(step(true, false, None, 99_000), Step::Rest);
    }

    #[test]
    fn a_room_without_watchers_or_after_its_end_is_deleted() {
        assert_eq!(step(false, false, TASK, 59_999), Step::Wait(1));
        assert_eq!(step(false, false, None, 60_000), Step::Delete);
        assert_eq!(step(true, true, TASK, 60_000), Step::Delete);
        assert_eq!(step(false, true, None, -10), Step::Wait(60_000), "a clock set back");
    }
}

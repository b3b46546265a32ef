//! The work of a room's alarm, and the rooms that can read their row again.

use domain::Millis;
use domain::room::Event;
use ports::Rows;
use store::{StmtIndex, Tx, tasks, watch, webhooks};

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

/// The rows of a room, where this crate can read them. Frames of other resources are known to their functions alone, so
/// their rooms cannot read them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A task.
    Task(i64),
    /// The ends of a user's tasks.
    Notifications(i64),
}

impl Source {
    /// The source of the room of this name.
    pub fn of(room: &str) -> Option<Source> {
        let (name, id) = room.split_once('/')?;
        let id = domain::id::parse(id)?;
        match name {
            "tasks" => Some(Source::Task(id)),
            "notifications" => Some(Source::Notifications(id)),
            _ => None,
        }
    }

    /// Milliseconds without an event after which a watched room reads its rows again, in case it missed some. A running
    /// task is never quiet for long; a user may well be.
    pub fn reread_ms(self) -> i64 {
        match self {
            Source::Task(_) => 5_000,
            Source::Notifications(_) => 30_000,
        }
    }

    /// Queries the rows.
    pub fn query(self, tx: &mut Tx) -> StmtIndex {
        match self {
            Source::Task(id) => tx.change(&tasks::FRAMES, id),
            Source::Notifications(user) => webhooks::ended_lately(tx, user),
        }
    }

    /// The events in the rows of `query`, in order. The room drops those it has passed on before.
    pub fn events(self, rows: &Rows, now: Millis) -> Vec<Event> {
        match self {
            Source::Task(_) => vec![watch::event(&tasks::FRAMES, rows, now.0)],
            Source::Notifications(_) => webhooks::events_of(rows).into_iter().map(|(_, event)| event).collect(),
        }
    }
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

    #[test]
    fn tasks_and_notifications_can_be_read_again() {
        assert_eq!(Source::of("tasks/12"), Some(Source::Task(12)));
        assert_eq!(Source::of("notifications/7"), Some(Source::Notifications(7)));
        for other in ["tags/12", "tasks/", "tasks/x", "tasks/0", "tasks/1/2", "12", "", "notifications"] {
            assert_eq!(Source::of(other), None, "{other}");
        }
    }
}

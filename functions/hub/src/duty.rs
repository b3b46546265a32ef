//! What a room has to do when its alarm rings, and which rooms can read their row again.

use domain::room::Event;
use ports::{Rows, Stmt};
use store::{Scope, tasks, watch, webhooks};

/// An unwatched room is forgotten after so long, in milliseconds: time to come back with `?since=`.
pub const LINGER_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Read the row again.
    Reread,
    /// Remove all that is stored.
    Forget,
    /// Come back after so many milliseconds.
    Wait(i64),
    /// Nothing until something happens.
    Rest,
}

/// `watched`: someone listens; `ended`: the last event has passed; `quiet_ms`: since the last event or look.
pub fn duty(watched: bool, ended: bool, source: Option<Source>, quiet_ms: i64) -> Duty {
    let (after, then) = match (watched && !ended, source) {
        (true, None) => return Duty::Rest,
        (true, Some(source)) => (source.patience_ms(), Duty::Reread),
        (false, _) => (LINGER_MS, Duty::Forget),
    };
    if quiet_ms >= after { then } else { Duty::Wait((after - quiet_ms).min(after)) }
}

/// What a room tells of, where this crate knows how to read it again. What watchers of other resources are told is known
/// to the functions of those alone, so their rooms cannot look for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Task(i64),
    /// The ends of a user's tasks.
    Notifications(i64),
}

impl Source {
    pub fn of(room: &str) -> Option<Source> {
        let (name, id) = room.split_once('/')?;
        let id = domain::id::parse(id)?;
        match name {
            "tasks" => Some(Source::Task(id)),
            "notifications" => Some(Source::Notifications(id)),
            _ => None,
        }
    }

    /// A watched room that has heard nothing for so long, in milliseconds, asks the database whether it missed something.
    /// A task that runs is never quiet for long; a user may well be.
    pub fn patience_ms(self) -> i64 {
        match self {
            Source::Task(_) => 5_000,
            Source::Notifications(_) => 30_000,
        }
    }

    pub fn query(self, scope: Scope) -> Stmt {
        match self {
            Source::Task(id) => watch::change(&tasks::FRAMES, scope, id),
            Source::Notifications(user) => webhooks::ended_lately(scope, user),
        }
    }

    /// What the rows of `query` say, in order. Whoever has seen it is not told again.
    pub fn events(self, rows: &Rows, scope: Scope) -> Vec<Event> {
        match self {
            Source::Task(_) => vec![watch::event(rows, scope.now.0)],
            Source::Notifications(_) => webhooks::told(rows).into_iter().map(|(_, event)| event).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Option<Source> = Some(Source::Task(1));

    #[test]
    fn a_quiet_room_looks_for_itself() {
        assert_eq!(duty(true, false, TASK, 1_000), Duty::Wait(4_000));
        assert_eq!(duty(true, false, TASK, 5_000), Duty::Reread);
        assert_eq!(duty(true, false, Some(Source::Notifications(1)), 5_000), Duty::Wait(25_000));
        assert_eq!(duty(true, false, None, 99_000), Duty::Rest);
    }

    #[test]
    fn a_room_is_forgotten_when_nobody_listens_or_nothing_more_comes() {
        assert_eq!(duty(false, false, TASK, 59_999), Duty::Wait(1));
        assert_eq!(duty(false, false, None, 60_000), Duty::Forget);
        assert_eq!(duty(true, true, TASK, 60_000), Duty::Forget);
        assert_eq!(duty(false, true, None, -10), Duty::Wait(60_000), "a clock set back");
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

//! What a room has to do when its alarm rings, and which rooms can read their row again.

use store::Spec;

/// A watched room that has heard nothing for so long, in milliseconds, asks the database whether it missed something.
pub const QUIET_MS: i64 = 5_000;
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
pub fn duty(watched: bool, ended: bool, rereadable: bool, quiet_ms: i64) -> Duty {
    let (after, then) = match (watched && !ended, rereadable) {
        (true, false) => return Duty::Rest,
        (true, true) => (QUIET_MS, Duty::Reread),
        (false, _) => (LINGER_MS, Duty::Forget),
    };
    if quiet_ms >= after { then } else { Duty::Wait((after - quiet_ms).min(after)) }
}

/// The row behind a room, where this crate knows it. What watchers of other resources are told is known to the
/// functions of those alone, so their rooms cannot look for themselves.
pub fn row(room: &str) -> Option<(&'static Spec, i64)> {
    let id = room.strip_prefix("tasks/").and_then(domain::id::parse)?;
    Some((&store::tasks::FRAMES, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_room_looks_for_itself() {
        assert_eq!(duty(true, false, true, 1_000), Duty::Wait(4_000));
        assert_eq!(duty(true, false, true, 5_000), Duty::Reread);
        assert_eq!(duty(true, false, false, 99_000), Duty::Rest);
    }

    #[test]
    fn a_room_is_forgotten_when_nobody_listens_or_nothing_more_comes() {
        assert_eq!(duty(false, false, true, 59_999), Duty::Wait(1));
        assert_eq!(duty(false, false, false, 60_000), Duty::Forget);
        assert_eq!(duty(true, true, true, 60_000), Duty::Forget);
        assert_eq!(duty(false, true, false, -10), Duty::Wait(60_000), "a clock set back");
    }

    #[test]
    fn only_tasks_can_be_read_again() {
        assert!(row("tasks/12").is_some_and(|(spec, id)| spec.name == "tasks" && id == 12));
        for other in ["tags/12", "tasks/", "tasks/x", "tasks/0", "tasks/1/2", "12", ""] {
            assert!(row(other).is_none(), "{other}");
        }
    }
}

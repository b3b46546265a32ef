//! The logic of one watched object: who gets which frame, in order, without gaps or repeats. The Durable Object in
//! `functions/hub` is a shell around this; it owns sockets and storage, this owns the rules.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Profile;

/// WebSocket close codes of the watch protocol (API.md §1).
pub mod close {
    pub const DONE: u16 = 1000;
    pub const UNAUTHENTICATED: u16 = 4401;
    pub const NOT_FOUND: u16 = 4404;
}

/// How many past events a room keeps for `?since=`.
pub const HISTORY: usize = 256;

/// One frame, in the style of each profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub v0: String,
    pub v1: String,
    /// In the words of the points task API, when the object is one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<String>,
}

impl Frame {
    pub fn text(&self, profile: Profile) -> &str {
        match profile {
            Profile::V0 => &self.v0,
            Profile::V1 => &self.v1,
            Profile::Points => self.points.as_deref().unwrap_or(&self.v1),
        }
    }
}

/// A change of the watched object. `seq` grows with every change of the database row; `end` is the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub seq: i64,
    pub end: bool,
    /// What anyone sees; None when the object is not (or no longer) public.
    pub public: Option<Frame>,
    /// What its owner and administrators see; None when it is gone.
    pub owner: Option<Frame>,
}

/// On whose behalf a socket listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    Public,
    Owner,
}

impl Event {
    pub fn frame(&self, audience: Audience) -> Option<&Frame> {
        match audience {
            Audience::Public => self.public.as_ref(),
            Audience::Owner => self.owner.as_ref(),
        }
    }
}

/// How a watcher joins, as the edge tells the room's host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    pub profile: Profile,
    pub since: Option<i64>,
    /// Server-sent events instead of a WebSocket.
    pub event_stream: bool,
    /// Who they are and what they see first, or the close code they are refused with.
    pub admit: Result<(Audience, Event), u16>,
}

#[derive(Default)]
pub struct Room {
    events: VecDeque<Event>,
}

impl Room {
    /// A room as it was before its host was evicted: its events, oldest first.
    pub fn restore(events: impl IntoIterator<Item = Event>) -> Room {
        let mut room = Room::default();
        for event in events {
            room.publish(event);
        }
        room
    }

    pub fn last_seq(&self) -> i64 {
        self.events.back().map_or(0, |e| e.seq)
    }

    pub fn ended(&self) -> bool {
        self.events.back().is_some_and(|e| e.end)
    }

    /// Takes an event in; false when it is late or a repeat, which nobody must see.
    pub fn publish(&mut self, event: Event) -> bool {
        if event.seq <= self.last_seq() || self.ended() {
            return false;
        }
        if self.events.len() == HISTORY {
            self.events.pop_front();
        }
        self.events.push_back(event);
        true
    }

    /// What a newcomer is sent first. `snapshot` is the row as just read; everything after it that the room knows
    /// follows. With `since`, the events after it replace the snapshot if the room still has them all.
    pub fn join(&self, snapshot: &Event, since: Option<i64>) -> Vec<Event> {
        let resumed = since.filter(|since| {
            let oldest = self.events.front().map_or(i64::MAX, |e| e.seq);
            *since >= snapshot.seq || (oldest <= since.saturating_add(1) && self.last_seq() >= snapshot.seq)
        });
        match resumed {
            Some(since) => self.events.iter().filter(|e| e.seq > since).cloned().collect(),
            None => {
                let newer = self.events.iter().filter(|e| e.seq > snapshot.seq);
                std::iter::once(snapshot).chain(newer).cloned().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: i64, end: bool) -> Event {
        let frame = Frame { v0: format!("v0 {seq}"), v1: format!("v1 {seq}"), points: None };
        Event { seq, end, public: None, owner: Some(frame) }
    }

    fn seqs(events: &[Event]) -> Vec<i64> {
        events.iter().map(|e| e.seq).collect()
    }

    #[test]
    fn late_repeated_and_posthumous_events_are_dropped() {
        let mut room = Room::default();
        let taken: Vec<bool> = [1, 2, 2, 1, 4].into_iter().map(|s| room.publish(event(s, false))).collect();
        assert_eq!(taken, [true, true, false, false, true]);
        assert!(room.publish(event(5, true)));
        assert!(!room.publish(event(6, false)));
    }

    #[test]
    fn a_newcomer_gets_the_snapshot_then_what_is_newer() {
        let mut room = Room::default();
        (1..=5).for_each(|s| assert!(room.publish(event(s, false))));
        assert_eq!(seqs(&room.join(&event(3, false), None)), [3, 4, 5]);
        assert_eq!(seqs(&room.join(&event(7, false), None)), [7]);
    }

    #[test]
    fn resuming_has_no_gap_and_no_repeat() {
        let mut room = Room::default();
        (1..=HISTORY as i64 + 10).for_each(|s| assert!(room.publish(event(s, false))));
        let now = event(HISTORY as i64 + 10, false);
        assert_eq!(seqs(&room.join(&now, Some(HISTORY as i64 + 8))), [HISTORY as i64 + 9, HISTORY as i64 + 10]);
        assert_eq!(seqs(&room.join(&now, Some(now.seq))), Vec::<i64>::new());
        assert_eq!(seqs(&room.join(&now, Some(3))), [now.seq], "too old: a snapshot instead of a gap");
        let ahead = event(HISTORY as i64 + 12, false);
        assert_eq!(seqs(&room.join(&ahead, Some(HISTORY as i64 + 8))), [ahead.seq], "the room missed something");
    }

    #[test]
    fn frames_kept_before_there_were_points_are_still_read() {
        let frame: Frame = serde_json::from_str(r#"{"v0":"a","v1":"b"}"#).unwrap();
        assert_eq!((frame.text(Profile::Points), frame.text(Profile::V0)), ("b", "a"));
        let frame = Frame { points: Some("c".into()), ..frame };
        assert_eq!(frame.text(Profile::Points), "c");
    }

    #[test]
    fn a_restored_room_goes_on_where_it_was() {
        let room = Room::restore([event(3, false), event(4, true)]);
        assert_eq!(room.last_seq(), 4);
        assert!(room.ended());
    }
}

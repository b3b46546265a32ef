//! The rules of one watched object: who gets which frame, in order, without gaps or repeats. The Durable Object in
//! `functions/hub` owns the sockets and the storage. What frames say is not known here.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// WebSocket close codes of the watch protocol (docs/API.md §1).
pub mod close {
    /// The object will not change any more.
    pub const DONE: u16 = 1000;
    /// The watcher has to log in.
    pub const UNAUTHENTICATED: u16 = 4401;
    /// The object does not exist for this watcher.
    pub const NOT_FOUND: u16 = 4404;
}

/// The number of past events a room keeps for `?since=`.
pub const HISTORY: usize = 256;

/// One frame in each rendering of the object: the name of the rendering (`v1`, say), and the JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame(BTreeMap<String, String>);

impl Frame {
    /// The frame in this rendering, if the object has it.
    pub fn text(&self, rendering: &str) -> Option<&str> {
        self.0.get(rendering).map(String::as_str)
    }

    /// Each rendering with its text.
    pub fn renderings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Frame {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(renderings: I) -> Frame {
        Frame(renderings.into_iter().map(|(name, text)| (name.into(), text.into())).collect())
    }
}

/// A change of the watched object. `seq` grows with every change of the database row; `end` is the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Place in the order of changes.
    pub seq: i64,
    /// True for the last change.
    pub end: bool,
    /// The frame for anyone; None when the object is not public, or no longer.
    pub public: Option<Frame>,
    /// The frame for its owner and administrators; None when it is gone.
    pub owner: Option<Frame>,
}

/// The role of a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// Anyone.
    Public,
    /// The owner of the object, and administrators.
    Owner,
}

impl Event {
    /// The frame for this audience.
    pub fn frame(&self, audience: Audience) -> Option<&Frame> {
        match audience {
            Audience::Public => self.public.as_ref(),
            Audience::Owner => self.owner.as_ref(),
        }
    }
}

/// A watcher's request to join, from the edge to the room's host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Which rendering of the frames to send.
    pub rendering: String,
    /// Resumes after this event.
    pub since: Option<i64>,
    /// Server-sent events instead of a WebSocket.
    pub event_stream: bool,
    /// The watcher's role and the current state, or the close code of a refusal.
    pub admit: Result<(Audience, Event), u16>,
}

/// The recent events of one object.
#[derive(Default)]
pub struct Room {
    events: VecDeque<Event>,
}

impl Room {
    /// Rebuilds a room from its stored events, oldest first.
    pub fn restore(events: impl IntoIterator<Item = Event>) -> Room {
        let mut room = Room::default();
        for event in events {
            room.publish(event);
        }
        room
    }

    /// `seq` of the newest event, 0 when there is none.
    pub fn last_seq(&self) -> i64 {
        self.events.back().map_or(0, |e| e.seq)
    }

    /// True once the last event has passed.
    pub fn ended(&self) -> bool {
        self.events.back().is_some_and(|e| e.end)
    }

    /// Takes an event in. Returns false when it is late or a repeat, and must not be sent.
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

    /// The first events for a new watcher: `snapshot`, the row as just read, then every later event. With `since`, the
    /// events after it, if the room still has them all.
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
        let frame = Frame::from_iter([("v0", format!("v0 {seq}")), ("v1", format!("v1 {seq}"))]);
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
    fn frames_are_stored_as_an_object_of_texts() {
        let frame: Frame = serde_json::from_str(r#"{"v0":"a","v1":"b"}"#).unwrap();
        assert_eq!((frame.text("v0"), frame.text("v1"), frame.text("points")), (Some("a"), Some("b"), None));
        assert_eq!(serde_json::to_string(&frame).unwrap(), r#"{"v0":"a","v1":"b"}"#);
    }

    #[test]
    fn a_restored_room_goes_on_where_it_was() {
        let room = Room::restore([event(3, false), event(4, true)]);
        assert_eq!(room.last_seq(), 4);
        assert!(room.ended());
    }
}

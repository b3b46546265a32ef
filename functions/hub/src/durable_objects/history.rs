//! The events of a room in the object's own SQLite, so that a room that was evicted continues where it was.

use domain::room::{Event, HISTORY, Room};
use worker::{Result, SqlStorage, SqlStorageValue, State};

/// The stored events of a room.
pub struct History(SqlStorage);

impl History {
    /// The history of this object.
    pub fn of(state: &State) -> History {
        History(state.storage().sql())
    }

    /// The room as it was, and the time of its last event: milliseconds since 1970, 0 without one.
    pub fn load(&self) -> Result<(Room, i64)> {
        self.0.exec(
            "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, at INTEGER NOT NULL)",
            None,
        )?;
        let mut events = Vec::new();
        let mut last = 0;
        for row in self.0.exec("SELECT event, at FROM events ORDER BY seq", None)?.raw() {
            let (event, at) = match row?.as_slice() {
                [SqlStorageValue::String(text), SqlStorageValue::Integer(at)] => (serde_json::from_str(text)?, *at),
                _ => continue,
            };
            events.push(event);
            last = last.max(at);
        }
        Ok((Room::restore(events), last))
    }

    /// Stores an event, and deletes those beyond what a room remembers.
    pub fn store(&self, event: &Event, now: i64) -> Result<()> {
        let json = serde_json::to_string(event)?;
        self.0.exec(
            "INSERT INTO events (seq, event, at) VALUES (?, ?, ?)",
            vec![event.seq.into(), json.into(), now.into()],
        )?;
        let beyond = "DELETE FROM events WHERE seq <= (SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?)";
        self.0.exec(beyond, vec![SqlStorageValue::Integer(HISTORY as i64)])?;
        Ok(())
    }
}

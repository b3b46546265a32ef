//! What watchers of a row are told: the row in both profiles, as its owner and as anyone sees it. What the points task
//! API has other words for is told in those too, to its owner: nobody else watches there.

use domain::room::{Audience, Event, Frame};
use domain::{Error, Profile, messages::NOT_FOUND};
use ports::{Row, Rows, Stmt, Value};

use crate::list::Scope;
use crate::points;
use crate::spec::Spec;

/// The row as the caller sees it, to begin a watch with: the visible one that a condition of ours names.
pub fn snapshot(spec: &Spec, scope: Scope, condition: &str, args: impl IntoIterator<Item = Value>) -> Stmt {
    let (v0, v1, v2) = (spec.object(Profile::V0), spec.object(Profile::V1), points::first(spec));
    scope.stmt(
        format!(
            "SELECT {} AS key, {} AS seq, ({}) AS done, ({}) AS mine, {v0} AS v0, {v1} AS v1, {v2} AS v2 \
             FROM {} WHERE {condition} AND {}",
            spec.key, spec.seq, spec.end, spec.writable, spec.from, spec.visible
        ),
        args,
    )
}

/// Who the watcher is and what they see first.
pub fn admitted(rows: &Rows) -> Result<(Audience, Event), Error> {
    let row = rows.first().ok_or_else(|| NOT_FOUND.error())?;
    let frame = frame(row, ["v0", "v1", "v2"]);
    let mine = row.flag("mine");
    let event = Event {
        seq: row.int("seq").unwrap_or(0),
        end: row.flag("done"),
        public: if mine { None } else { frame.clone() },
        owner: if mine { frame } else { None },
    };
    Ok((if mine { Audience::Owner } else { Audience::Public }, event))
}

/// The row as its owner and as anyone sees it, to be published after a change; `?3` is its key.
pub fn change(spec: &Spec, scope: Scope, key: impl Into<Value>) -> Stmt {
    change_where(spec, scope, &format!("{} = ?3", spec.key), [key.into()])
}

/// Like `change`, for the row a condition of ours names.
pub fn change_where(spec: &Spec, scope: Scope, condition: &str, args: impl IntoIterator<Item = Value>) -> Stmt {
    let (v0, v1) = (spec.object(Profile::V0), spec.object(Profile::V1));
    let owners = |sql: &str| sql.replace("?1", spec.owner);
    let anyones = |sql: &str| format!("iif({}, {}, NULL)", spec.visible, sql).replace("?1", "0");
    scope.stmt(
        format!(
            "SELECT {} AS key, {} AS seq, ({}) AS done, {} AS owner0, {} AS owner1, {} AS owner2, {} AS public0, {} AS public1 FROM {} WHERE {condition}",
            spec.key,
            spec.seq,
            spec.end,
            owners(&v0),
            owners(&v1),
            points::words(spec),
            anyones(&v0),
            anyones(&v1),
            spec.from,
        ),
        args,
    )
}

/// The event `change` describes; a row that is gone ends its watches.
pub fn event(rows: &Rows, now: i64) -> Event {
    // Later than anything the row was.
    let gone = || Event { seq: now.max(1) + (1 << 50), end: true, public: None, owner: None };
    rows.first().map_or_else(gone, event_of)
}

/// The events `change_where` describes, each with its room.
pub fn events(spec: &Spec, rows: &Rows) -> Vec<(String, Event)> {
    rows.iter().filter_map(|row| Some((format!("{}/{}", spec.name, row.int("key")?), event_of(row)))).collect()
}

fn event_of(row: Row<'_>) -> Event {
    Event {
        seq: row.int("seq").unwrap_or(0),
        end: row.flag("done"),
        public: frame(row, ["public0", "public1", "public2"]),
        owner: frame(row, ["owner0", "owner1", "owner2"]),
    }
}

fn frame(row: Row<'_>, columns: [&str; 3]) -> Option<Frame> {
    let [v0, v1, points] = columns.map(|column| row.text(column).map(str::to_string));
    Some(Frame { v0: v0?, v1: v1?, points })
}

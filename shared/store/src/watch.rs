//! Frames: a row as its owner and as anyone sees it, in both API versions, and for its owner in every other rendering
//! of the spec. Frames are in English: a room sends the same to all its watchers.

use domain::room::{Audience, Event, Frame};
use domain::{Error, Lang, messages::NOT_FOUND};
use ports::{Row, Rows, Runtime, Value};

use crate::api_version::ApiVersion;
use crate::args;
use crate::query::{Arg, Query, Scope, substitute};
use crate::spec::Spec;
use crate::tx::{StmtIndex, Tx};

const VERSIONS: [ApiVersion; 2] = [ApiVersion::V0, ApiVersion::V1];

impl Tx {
    /// Adds the query of a change to the row of this key, to be published when the transaction has run.
    pub fn change(&mut self, spec: &Spec, key: impl Into<Value>) -> StmtIndex {
        let query = change(spec, self.scope, key);
        self.push(query)
    }
}

/// The row as the caller sees it, for the first frame of a watch: the visible one that a condition of ours finds.
pub fn snapshot(spec: &Spec, scope: Scope, condition: &str, args: impl IntoIterator<Item = Arg>) -> Query {
    let versions = VERSIONS.map(|version| format!("{} AS {}", object(spec, scope, version), version.name()));
    let renderings = spec.renderings.iter().map(|r| format!("{} AS {}", (r.snapshot)(), r.name));
    let frames: Vec<String> = versions.into_iter().chain(renderings).collect();
    Query::new(
        format!(
            "SELECT {} AS key, {} AS seq, ({}) AS done, ({}) AS mine, {} FROM {} WHERE {condition} AND {}",
            spec.key,
            spec.seq,
            spec.end,
            spec.writable,
            frames.join(", "),
            spec.from,
            spec.visible.condition()
        ),
        args,
    )
}

/// The watcher's role and first frame, from the rows of `snapshot`.
pub fn admitted(spec: &Spec, rows: &Rows) -> Result<(Audience, Event), Error> {
    let row = rows.first().ok_or_else(|| NOT_FOUND.error())?;
    let frame = frame(spec, row, "");
    let mine = row.flag("mine");
    let event = Event {
        seq: row.int("seq").unwrap_or(0),
        end: row.flag("done"),
        public: if mine { None } else { frame.clone() },
        owner: if mine { frame } else { None },
    };
    Ok((if mine { Audience::Owner } else { Audience::Public }, event))
}

/// The row as its owner and as anyone sees it, to be published after a change.
pub fn change(spec: &Spec, scope: Scope, key: impl Into<Value>) -> Query {
    change_where(spec, scope, &format!("{} = :key", spec.key), args! { key: key.into() })
}

/// As `change`, for the rows that a condition of ours finds.
pub fn change_where(spec: &Spec, scope: Scope, condition: &str, args: impl IntoIterator<Item = Arg>) -> Query {
    let owner = VERSIONS.map(|version| {
        let object = substitute(&object(spec, scope, version), "me", spec.owner);
        format!("{object} AS owner_{}", version.name())
    });
    let public = VERSIONS.map(|version| {
        let object = format!("iif({}, {}, NULL)", spec.visible.condition(), object(spec, scope, version));
        format!("{} AS public_{}", substitute(&object, "me", "0"), version.name())
    });
    let renderings = spec.renderings.iter().map(|r| format!("{} AS owner_{}", (r.change)(), r.name));
    let frames: Vec<String> = owner.into_iter().chain(public).chain(renderings).collect();
    Query::new(
        format!(
            "SELECT {} AS key, {} AS seq, ({}) AS done, {} FROM {} WHERE {condition}",
            spec.key,
            spec.seq,
            spec.end,
            frames.join(", "),
            spec.from,
        ),
        args,
    )
}

fn object(spec: &Spec, scope: Scope, version: ApiVersion) -> String {
    spec.object(Scope { version, lang: Lang::En, ..scope })
}

/// The event of a `change`; a row that is gone ends its watches.
pub fn event(spec: &Spec, rows: &Rows, now: i64) -> Event {
    rows.first().map_or_else(|| gone(now), |row| event_of(spec, row))
}

/// The event of a row that was deleted. Its `seq` is larger than any the row had.
pub fn gone(now: i64) -> Event {
    Event { seq: now.max(1) + (1 << 50), end: true, public: None, owner: None }
}

/// Publishes events outside of a request. What is lost is made good when the room next reads its row.
pub(crate) async fn publish(runtime: &Runtime, events: Vec<(String, Event)>) {
    for (room, event) in events {
        if let Err(error) = runtime.hub.publish(&room, &event).await {
            log::warn!("Change {} of {room} was not published: {error}", event.seq);
        }
    }
}

/// The events of a `change_where`, each with its room.
pub fn events(spec: &Spec, rows: &Rows) -> Vec<(String, Event)> {
    rows.iter().filter_map(|row| Some((format!("{}/{}", spec.name, row.int("key")?), event_of(spec, row)))).collect()
}

fn event_of(spec: &Spec, row: Row<'_>) -> Event {
    Event {
        seq: row.int("seq").unwrap_or(0),
        end: row.flag("done"),
        public: frame(spec, row, "public_"),
        owner: frame(spec, row, "owner_"),
    }
}

/// The frame in the columns with this prefix; None when the row is hidden.
fn frame(spec: &Spec, row: Row<'_>, prefix: &str) -> Option<Frame> {
    let text = |name: &'static str| Some((name, row.text(&format!("{prefix}{name}"))?));
    let versions = VERSIONS.map(|version| text(version.name())).into_iter().collect::<Option<Vec<_>>>()?;
    let renderings = spec.renderings.iter().filter_map(|rendering| text(rendering.name));
    Some(versions.into_iter().chain(renderings).collect())
}

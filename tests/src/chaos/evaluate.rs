//! What the database says afterwards, read past the edge: the queries of `tests/invariants.sql`, and whether it says
//! what users and runners were recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::history::{Name, Recorded};
use super::inbox::Bodies;
use super::now;
use super::proxy::Seen;

const INVARIANTS: &str = include_str!("../../invariants.sql");
/// So many rows that break a rule are shown.
const SHOWN: usize = 5;

#[derive(Debug, Default)]
pub struct Evaluation {
    /// What was looked at, and what was found that must not be.
    pub rules: Vec<(String, Vec<String>)>,
    /// How many tasks ended how.
    pub ends: BTreeMap<String, u32>,
    /// Tasks that were begun more than once.
    pub again: u32,
}

impl Evaluation {
    pub fn sound(&self) -> bool {
        self.rules.iter().all(|(_, broken)| broken.is_empty())
    }
}

/// `slack_ms`: how long past its deadline a task may be.
pub fn evaluate(state: &Path, slack_ms: i64, recorded: &Recorded, seen: &Seen, received: &Bodies) -> Evaluation {
    let db = database(state);
    let mut rules = Vec::new();
    // The first block says what they are.
    for query in INVARIANTS.split("\n\n").skip(1) {
        let (name, query) = query.split_once('\n').expect("a name, then a query");
        rules.push((name.trim_start_matches("-- ").to_owned(), rows(&db, query, &[now(), slack_ms])));
    }
    rules.push(("no acknowledged submission is lost, and each made one task".into(), submissions(&db, recorded)));
    rules.push(("an end that was seen is the end".into(), ends(&db, recorded)));
    rules.push(("a result that was acknowledged is there".into(), results(&db, seen)));
    let bodies = received.iter().filter(|(_, bodies)| bodies.len() != 1).map(|(id, _)| id.clone());
    rules.push(("one body came under each webhook id".into(), bodies.collect()));
    rules.push(("nothing wrong was answered".into(), recorded.wrong.clone()));
    rules.push(("nothing wrong passed by".into(), seen.wrong.clone()));
    let ends = "SELECT status || coalesce(' ' || error_code, ''), count(*) FROM tasks GROUP BY 1 \
        UNION ALL SELECT 'gone', count(*) FROM holds WHERE task_id NOT IN (SELECT id FROM tasks)";
    let ends = all(&db, ends, &[], |row| Ok((row.get(0)?, row.get(1)?)));
    let again = count(&db, "SELECT count(*) FROM tasks WHERE attempt > 1");
    Evaluation { rules, ends: ends.into_iter().collect(), again }
}

/// The edge's database: the file that has the tasks.
fn database(state: &Path) -> Connection {
    let mut files = Vec::new();
    find(state, &mut files);
    let open = |file: &PathBuf| Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok();
    let ours = |db: &Connection| db.prepare("SELECT 1 FROM tasks, entries").is_ok();
    files.iter().filter_map(open).find(ours).expect("the edge has a database")
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "sqlite") {
            files.push(path);
        }
    }
}

fn all<T>(db: &Connection, sql: &str, args: &[i64], read: impl FnMut(&Row) -> rusqlite::Result<T>) -> Vec<T> {
    let mut query = db.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let args = &args[..query.parameter_count()];
    let rows = query.query_map(rusqlite::params_from_iter(args), read).and_then(Iterator::collect);
    rows.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn count(db: &Connection, sql: &str) -> u32 {
    db.query_row(sql, (), |row| row.get(0)).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// The first rows as text, and how many more there are.
fn rows(db: &Connection, sql: &str, args: &[i64]) -> Vec<String> {
    let text = |row: &Row| {
        let columns = (0..row.as_ref().column_count()).map(|i| row.get::<_, rusqlite::types::Value>(i));
        columns.collect::<rusqlite::Result<Vec<_>>>().map(|values| format!("{values:?}"))
    };
    let mut found = all(db, sql, args, text);
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    found.extend((more > 0).then(|| format!("and {more} more")));
    found
}

/// The id, status and attempt of a task that is there.
fn task(db: &Connection, name: &Name) -> Option<(i64, String, i64)> {
    let (id, number) = match name {
        Name::Id(id) => (Some(*id), None),
        Name::Number(number) => (None, Some(number)),
    };
    let sql = "SELECT id, status, attempt FROM tasks WHERE id = ?1 OR task_no = ?2";
    let row = db.query_row(sql, (id, number), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    row.optional().expect("tasks can be read")
}

fn submissions(db: &Connection, recorded: &Recorded) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, (user, key)) in &recorded.acknowledged {
        let there = task(db, name).is_some() || recorded.deleted.contains(name);
        let under = "SELECT coalesce(CAST(json_extract(response, '$.id') AS TEXT), json_extract(response, '$.taskNo')) \
            FROM idempotency WHERE user_id = ?1 AND key = ?2";
        let called: Option<String> =
            db.query_row(under, (user, key), |row| row.get(0)).optional().expect("keys can be read");
        let ought = match name {
            Name::Id(id) => id.to_string(),
            Name::Number(number) => number.clone(),
        };
        if !there || called.as_ref() != Some(&ought) {
            broken.push(format!("{name:?} of {user} under {key}: there {there}, its key gives {called:?}"));
        }
    }
    let holds = count(db, "SELECT count(*) FROM holds") as usize;
    if holds != recorded.acknowledged.len() {
        broken.push(format!("{holds} tasks were made, {} acknowledged", recorded.acknowledged.len()));
    }
    broken
}

fn ends(db: &Connection, recorded: &Recorded) -> Vec<String> {
    let ended = recorded.ended.iter().filter_map(|(name, success)| Some((name, success, task(db, name)?)));
    let other = ended.filter(|(_, success, (_, status, _))| status != if **success { "success" } else { "error" });
    other.map(|(name, success, task)| format!("{name:?} was seen to end, success {success}: {task:?}")).collect()
}

fn results(db: &Connection, seen: &Seen) -> Vec<String> {
    let won = seen.won.iter().filter_map(|(id, attempt)| Some((attempt, task(db, &Name::Id(*id))?)));
    let lost = won.filter(|(attempt, (_, status, last))| status != "success" || last != *attempt);
    lost.map(|(attempt, task)| format!("attempt {attempt} was a success: {task:?}")).collect()
}

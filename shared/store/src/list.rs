//! Compiles a checked list request into two statements: how many rows there are, and the page as one JSON string.
//! One string crosses into WASM instead of rows of values, which is some forty times cheaper there.

use domain::{Millis, Profile};
use ports::{Rows, Stmt, Value};

use crate::cursor;
use crate::query::ListQuery;
use crate::spec::Spec;

/// Who asks, in which style, and when: the standing arguments of every statement over a `Spec`.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// 0 when anonymous.
    pub me: i64,
    pub now: Millis,
    pub profile: Profile,
}

impl Scope {
    /// A statement over `?1` = me, `?2` = now and further arguments. Engines refuse arguments that no parameter
    /// refers to, so trailing ones the text does not mention are dropped.
    pub fn stmt(self, sql: impl Into<String>, more: impl IntoIterator<Item = Value>) -> Stmt {
        let sql = sql.into();
        let mut args = vec![Value::Int(self.me), Value::Int(self.now.0)];
        args.extend(more);
        args.truncate(highest_parameter(&sql));
        Stmt::new(sql, args)
    }
}

/// The largest N of `?N` in the text.
fn highest_parameter(sql: &str) -> usize {
    sql.split('?')
        .skip(1)
        .filter_map(|rest| rest[..rest.bytes().take_while(u8::is_ascii_digit).count()].parse().ok())
        .max()
        .unwrap_or(0)
}

/// A page of a list, as it goes to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub page: i64,
    pub page_size: i64,
    pub total: i64,
    pub next: bool,
    pub next_cursor: Option<String>,
    /// A JSON array.
    pub list: String,
}

/// `[count, page]`, to be put into one batch.
pub fn statements(spec: &Spec, query: &ListQuery, scope: Scope) -> [Stmt; 2] {
    let mut args = Vec::new();
    let mut bind = |value: &Value| {
        args.push(value.clone());
        format!("?{}", args.len() + 2)
    };
    let mut terms = Vec::new();
    if spec.visible != "TRUE" {
        terms.push(spec.visible.to_string());
    }
    for (sql, value) in &query.conditions {
        let parameter = bind(value);
        terms.push(format!("({})", sql.replace("{}", &parameter)));
    }
    let filter = |terms: &[String]| {
        if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) }
    };
    // Without a condition this is SQLite's count of the whole table, which reads no rows.
    let count = format!("SELECT count(*) AS total FROM {}{}", spec.from, filter(&terms));
    let count = scope.stmt(count, args.clone());

    let mut bind = |value: Value| {
        args.push(value);
        format!("?{}", args.len() + 2)
    };
    let (key, by) = (spec.key, query.sort.sql);
    let (direction, beyond) = if query.sort.descending { ("DESC", "<") } else { ("ASC", ">") };
    let order = if by == key { format!("{key} {direction}") } else { format!("{by} {direction}, {key} {direction}") };
    let object = spec.object(scope.profile);
    let rows = |terms: &[String], limit: &str| {
        format!(
            "SELECT {object} AS o, json_array({by}, {key}) AS p FROM {}{} ORDER BY {order} LIMIT {limit}",
            spec.from,
            filter(terms)
        )
    };
    // The rows are JSON already: put together as text they are not parsed again.
    let collected = "SELECT '[' || coalesce(group_concat(o, ','), '') || ']' AS list, \
        '[' || coalesce(group_concat(p, ','), '') || ']' AS at, count(*) AS n";
    let sql = match &query.after {
        None => {
            let size = bind(Value::Int(query.page_size));
            let offset = bind(Value::Int((query.page - 1) * query.page_size));
            let rows = rows(&terms, &format!("{size} OFFSET {offset}"));
            format!("SELECT list, json_extract(at, '$[#-1]') AS at, n FROM ({collected} FROM ({rows}))")
        }
        Some((value, last)) => {
            // One row more than asked for tells whether there is a further page.
            let (value, last) = (bind(value.clone()), bind(last.clone()));
            terms.push(format!("({by}, {key}) {beyond} ({value}, {last})"));
            let size = format!("CAST({} AS INTEGER)", bind(Value::Int(query.page_size)));
            let rows = rows(&terms, &format!("{size} + 1"));
            format!(
                "SELECT iif(n > {size}, json_remove(list, '$[#-1]'), list) AS list, \
                 json_extract(at, iif(n > {size}, '$[#-2]', '$[#-1]')) AS at, n FROM ({collected} FROM ({rows}))"
            )
        }
    };
    [count, scope.stmt(sql, args)]
}

/// Puts the page together from the rows of `statements`.
pub fn page(query: &ListQuery, count: &Rows, page: &Rows) -> Page {
    let total = count.first().and_then(|r| r.int("total")).unwrap_or(0);
    let row = page.first();
    let n = row.and_then(|r| r.int("n")).unwrap_or(0);
    let next = match query.after {
        None => query.page * query.page_size < total,
        Some(_) => n > query.page_size,
    };
    let at = row.and_then(|r| r.text("at")).filter(|_| next);
    Page {
        page: query.page,
        page_size: query.page_size,
        total,
        next,
        next_cursor: at.map(|at| cursor::encode(query.sort.name, at)),
        list: row.and_then(|r| r.text("list")).unwrap_or("[]").to_string(),
    }
}

/// One visible row as a JSON object in column `item`; `?3` is its key.
pub fn item(spec: &Spec, scope: Scope, key: impl Into<Value>) -> Stmt {
    item_where(spec, scope, &format!("{} = ?3", spec.key), [key.into()])
}

/// One visible row found by a condition of ours.
pub fn item_where(spec: &Spec, scope: Scope, condition: &str, args: impl IntoIterator<Item = Value>) -> Stmt {
    let object = spec.object(scope.profile);
    scope.stmt(format!("SELECT {object} AS item FROM {} WHERE {condition} AND {}", spec.from, spec.visible), args)
}

/// The row the statement just before inserted.
pub fn inserted(spec: &Spec, scope: Scope) -> Stmt {
    item_where(spec, scope, &format!("{} = last_insert_rowid()", spec.key), [])
}

/// The batch fails with `not_found` unless the caller sees the row, with `forbidden` unless they may change it.
pub fn writable(spec: &Spec, scope: Scope, key: impl Into<Value>) -> [Stmt; 2] {
    let key = key.into();
    let exists = |code: &str, condition: &str| {
        format!(
            "INSERT INTO guard SELECT '{code}', EXISTS (SELECT 1 FROM {} WHERE {} = ?3 AND {condition})",
            spec.from, spec.key
        )
    };
    [
        scope.stmt(exists("not_found", spec.visible), [key.clone()]),
        scope.stmt(exists("forbidden", spec.writable), [key]),
    ]
}

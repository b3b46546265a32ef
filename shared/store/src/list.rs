//! Compiles a checked list request into two statements: the number of rows, and the page as one JSON string. One string
//! crosses into WASM instead of rows of values, which is some forty times cheaper there. Also the statements about a
//! single row that every resource has.

use std::borrow::Cow;

use domain::messages::{FORBIDDEN, NOT_FOUND};
use ports::{Rows, Value};

use crate::args;
use crate::cursor;
use crate::list_query::ListQuery;
use crate::query::{Arg, Query, Scope};
use crate::spec::Spec;
use crate::tx::{StmtIndex, Tx};

/// A page of a list, as it goes to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Number of the page, from 1.
    pub page: i64,
    /// Rows of a full page.
    pub page_size: i64,
    /// Rows of all pages.
    pub total: i64,
    /// True when a further page exists.
    pub next: bool,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
    /// A JSON array.
    pub list: String,
}

/// The statements of one page in a transaction.
pub struct PageStmts {
    count: StmtIndex,
    page: StmtIndex,
}

impl Tx {
    /// Adds the statements of a page.
    pub fn page(&mut self, spec: &Spec, query: &ListQuery) -> PageStmts {
        let [count, page] = statements(spec, query, self.scope);
        PageStmts { count: self.push(count), page: self.push(page) }
    }

    /// Adds the query of one visible row as a JSON object `item`.
    pub fn item(&mut self, spec: &Spec, key: impl Into<Value>) -> StmtIndex {
        let query = item(spec, self.scope, key);
        self.push(query)
    }

    /// Fails the transaction with `not_found` unless the caller sees the row.
    pub fn require_visible(&mut self, spec: &Spec, key: impl Into<Value>) {
        let (condition, args) = exists(spec, spec.visible, key.into());
        self.guard(&NOT_FOUND, &condition, args);
    }

    /// Fails the transaction with `not_found` unless the caller sees the row, with `forbidden` unless they may change
    /// it.
    pub fn require_writable(&mut self, spec: &Spec, key: impl Into<Value>) {
        let key = key.into();
        self.require_visible(spec, key.clone());
        let (condition, args) = exists(spec, spec.writable, key);
        self.guard(&FORBIDDEN, &condition, args);
    }
}

fn exists(spec: &Spec, condition: &str, key: Value) -> (String, [Arg; 1]) {
    (format!("EXISTS (SELECT 1 FROM {} WHERE {} = :key AND {condition})", spec.from, spec.key), args! { key })
}

/// One visible row as a JSON object in column `item`, found by its key.
pub fn item(spec: &Spec, scope: Scope, key: impl Into<Value>) -> Query {
    item_where(spec, scope, &format!("{} = :key", spec.key), args! { key: key.into() })
}

/// One visible row as a JSON object in column `item`, found by a condition of ours.
pub fn item_where(spec: &Spec, scope: Scope, condition: &str, args: impl IntoIterator<Item = Arg>) -> Query {
    let object = spec.object(scope);
    Query::new(format!("SELECT {object} AS item FROM {} WHERE {condition} AND {}", spec.from, spec.visible), args)
}

/// The row that the statement just before inserted.
pub fn inserted(spec: &Spec, scope: Scope) -> Query {
    item_where(spec, scope, &format!("{} = last_insert_rowid()", spec.key), [])
}

/// The number of rows, and the page.
fn statements(spec: &Spec, query: &ListQuery, scope: Scope) -> [Query; 2] {
    let mut terms = Vec::new();
    if spec.visible != "TRUE" {
        terms.push(spec.visible.to_string());
    }
    let mut args: Vec<Arg> = Vec::new();
    for (i, (sql, value)) in query.conditions.iter().enumerate() {
        terms.push(format!("({})", sql.replace("{}", &format!(":filter_{i}"))));
        args.push((Cow::Owned(format!("filter_{i}")), value.clone()));
    }
    let filter = |terms: &[String]| {
        if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) }
    };
    // Without a condition this is SQLite's count of the whole table, which reads no rows.
    let count = Query::new(format!("SELECT count(*) AS total FROM {}{}", spec.from, filter(&terms)), args.clone());

    let (key, by) = (spec.key, query.sort.sql);
    let (direction, beyond) = if query.sort.descending { ("DESC", "<") } else { ("ASC", ">") };
    let order = if by == key { format!("{key} {direction}") } else { format!("{by} {direction}, {key} {direction}") };
    let object = spec.object(scope);
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
    args.extend(args! { size: query.page_size });
    let sql = match &query.after {
        None => {
            args.extend(args! { skipped: (query.page - 1) * query.page_size });
            let rows = rows(&terms, ":size OFFSET :skipped");
            format!("SELECT list, json_extract(at, '$[#-1]') AS at, n FROM ({collected} FROM ({rows}))")
        }
        Some((value, last)) => {
            args.extend(args! { after_value: value, after_key: last });
            terms.push(format!("({by}, {key}) {beyond} (:after_value, :after_key)"));
            // One row more than asked for tells whether there is a further page.
            let size = "CAST(:size AS INTEGER)";
            let rows = rows(&terms, &format!("{size} + 1"));
            format!(
                "SELECT iif(n > {size}, json_remove(list, '$[#-1]'), list) AS list, \
                 json_extract(at, iif(n > {size}, '$[#-2]', '$[#-1]')) AS at, n FROM ({collected} FROM ({rows}))"
            )
        }
    };
    [count, Query::new(sql, args)]
}

impl PageStmts {
    /// The page that the statements found.
    pub fn read(&self, query: &ListQuery, outcome: &crate::Outcome) -> Page {
        page(query, outcome.rows(self.count), outcome.rows(self.page))
    }
}

fn page(query: &ListQuery, count: &Rows, page: &Rows) -> Page {
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

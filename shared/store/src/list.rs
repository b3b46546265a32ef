//! Pages of lists, and the statements about a single row that every resource has.

use domain::messages::{FORBIDDEN, NOT_FOUND};
use ports::Value;

use crate::args;
use crate::cursor;
use crate::list_query::ListQuery;
pub use crate::page_query::compile as page_query;
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
    /// Rows of all pages, at most `MAX_TOTAL` unless a counter knows.
    pub total: i64,
    /// True where there are more rows than `total`.
    pub total_capped: bool,
    /// True when a further page exists.
    pub next: bool,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
    /// A JSON array.
    pub list: String,
}

/// The most rows that are counted one by one.
pub const MAX_TOTAL: i64 = 10_000;

/// The statement of one page in a transaction.
pub struct PageStmt(StmtIndex);

impl Tx {
    /// Adds the statement of a page.
    pub fn page(&mut self, spec: &Spec, query: &ListQuery) -> PageStmt {
        let page = page_query(spec, query, self.scope);
        PageStmt(self.push(page))
    }

    /// Adds the query of one visible row as a JSON object `item`.
    pub fn item(&mut self, spec: &Spec, key: impl Into<Value>) -> StmtIndex {
        let query = item(spec, self.scope, key);
        self.push(query)
    }

    /// Fails the transaction with `not_found` unless the caller sees the row.
    pub fn require_visible(&mut self, spec: &Spec, key: impl Into<Value>) {
        let (condition, args) = exists(spec, spec.visible.condition(), key.into());
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

fn exists(spec: &Spec, condition: &str, key: Value) -> (String, Vec<Arg>) {
    let Spec { from, key: column, only, .. } = spec;
    (format!("EXISTS (SELECT 1 FROM {from} WHERE {column} = :key AND {condition} AND {only})"), args! { key })
}

/// One visible row as a JSON object in column `item`, found by its key.
pub fn item(spec: &Spec, scope: Scope, key: impl Into<Value>) -> Query {
    item_where(spec, scope, &format!("{} = :key", spec.key), args! { key: key.into() })
}

/// One visible row as a JSON object in column `item`, found by a condition of ours.
pub fn item_where(spec: &Spec, scope: Scope, condition: &str, args: impl IntoIterator<Item = Arg>) -> Query {
    let object = spec.object(scope);
    Query::new(
        format!(
            "SELECT {object} AS item FROM {} WHERE {condition} AND {} AND {}",
            spec.from,
            spec.visible.condition(),
            spec.only
        ),
        args,
    )
}

/// The row that the statement just before inserted.
pub fn inserted(spec: &Spec, scope: Scope) -> Query {
    item_where(spec, scope, &format!("{} = last_insert_rowid()", spec.key), [])
}

impl PageStmt {
    /// The page that the statement found.
    pub fn read(&self, query: &ListQuery, outcome: &crate::Outcome) -> Page {
        let row = outcome.row(self.0);
        let int = |name| row.and_then(|row| row.int(name)).unwrap_or(0);
        let text = |name| row.and_then(|row| row.text(name));
        let (total, next) = (int("total"), int("n") > query.page_size);
        let total_capped = int("counted") == 0 && total > MAX_TOTAL;
        Page {
            page: query.page,
            page_size: query.page_size,
            total: if total_capped { MAX_TOTAL } else { total },
            total_capped,
            next,
            next_cursor: text("at").filter(|_| next).map(|at| cursor::encode(query.sort.name, at)),
            list: text("list").unwrap_or("[]").to_string(),
        }
    }
}

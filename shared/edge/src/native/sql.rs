//! SQLite in this process, with the real migrations.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use ports::{Rows, Source, Sql, SqlError, Stmt, Value};
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior};

/// D1's limits (developers.cloudflare.com/d1/platform/limits, and workerd's source for the last three).
const LIMITS: [(Limit, i32); 5] = [
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
];

/// An SQLite database in memory.
pub struct NativeSql(Mutex<Connection>);

impl NativeSql {
    /// An empty database with all migrations applied, in the order of their names.
    pub fn memory() -> Result<NativeSql, SqlError> {
        let db = Connection::open_in_memory().map_err(failed)?;
        db.execute_batch("PRAGMA foreign_keys = ON").map_err(failed)?;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
        let other = |e: std::io::Error| SqlError::Other(Source::new(e));
        let mut files: Vec<_> =
            std::fs::read_dir(folder).map_err(other)?.filter_map(|f| Some(f.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "sql"));
        files.sort();
        for file in files {
            // Statement by statement, as every other loader does it.
            for statement in std::fs::read_to_string(file).map_err(other)?.split("\n\n") {
                db.execute_batch(statement).map_err(failed)?;
            }
        }
        // More than any test has: compiling them again costs more than running them.
        db.set_prepared_statement_cache_capacity(256);
        for (limit, value) in LIMITS {
            db.set_limit(limit, value).map_err(failed)?;
        }
        Ok(NativeSql(Mutex::new(db)))
    }
}

#[async_trait]
impl Sql for NativeSql {
    async fn run(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        let mut db = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let results = batch.iter().map(|stmt| run(&tx, stmt)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        tx.commit().map_err(failed)?;
        Ok(results)
    }
}

fn run(db: &Connection, stmt: &Stmt) -> rusqlite::Result<Rows> {
    let mut prepared = db.prepare_cached(&stmt.sql)?;
    let columns = prepared.column_names().map(str::to_string).collect();
    let width = prepared.column_count();
    let mut rows = prepared.query(rusqlite::params_from_iter(stmt.args.iter().map(Bound)))?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push((0..width).map(|i| row.get_ref(i).map(value)).collect::<rusqlite::Result<_>>()?);
    }
    Ok(Rows { columns, values })
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            // As D1 binds them: every number is a double, so what depends on the difference shows here.
            Value::Int(n) => ValueRef::Real(*n as f64),
            Value::Real(x) => ValueRef::Real(*x),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Real(x) => Value::Real(x),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn failed(error: rusqlite::Error) -> SqlError {
    SqlError::classify(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn conforms() {
        assert_eq!(ports::conformance::sql(&NativeSql::memory().unwrap()).await, Ok(()));
    }
}

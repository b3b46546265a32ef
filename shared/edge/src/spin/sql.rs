//! Spin's SQLite. One connection per batch, so that BEGIN and COMMIT hold.

use async_trait::async_trait;
use ports::{Rows, Source, Sql, SqlError, Stmt, Value};
use spin_sdk::sqlite::{Connection, Error, Value as SpinValue};

pub struct SpinSql;

#[async_trait]
impl Sql for SpinSql {
    async fn run(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        let db = Connection::open_default().map_err(failed)?;
        db.execute("PRAGMA foreign_keys = ON", &[]).map_err(failed)?;
        db.execute("BEGIN IMMEDIATE", &[]).map_err(failed)?;
        let results = batch.iter().map(|stmt| run(&db, stmt)).collect::<Result<Vec<_>, _>>();
        let end = if results.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = db.execute(end, &[]);
        // The reason is the first failure, not the end that it made necessary.
        let results = results.map_err(failed)?;
        ended.map_err(failed)?;
        Ok(results)
    }
}

fn run(db: &Connection, stmt: &Stmt) -> Result<Rows, Error> {
    let args: Vec<SpinValue> = stmt.args.iter().map(bound).collect();
    let result = db.execute(&stmt.sql, &args)?;
    let values = result.rows.iter().map(|row| row.values.iter().map(value).collect()).collect();
    Ok(Rows { columns: result.columns.into(), values })
}

fn bound(value: &Value) -> SpinValue {
    match value {
        Value::Null => SpinValue::Null,
        Value::Int(n) => SpinValue::Integer(*n),
        Value::Real(x) => SpinValue::Real(*x),
        Value::Text(text) => SpinValue::Text(text.clone()),
    }
}

fn value(value: &SpinValue) -> Value {
    match value {
        SpinValue::Null | SpinValue::Blob(_) => Value::Null,
        SpinValue::Integer(n) => Value::Int(*n),
        SpinValue::Real(x) => Value::Real(*x),
        SpinValue::Text(text) => Value::Text(text.clone()),
    }
}

fn failed(error: Error) -> SqlError {
    match error {
        Error::Io(message) => SqlError::classify(message),
        other => SqlError::Other(Source::new(other)),
    }
}

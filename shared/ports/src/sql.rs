//! The database port: atomic batches of statements in SQLite's dialect.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

/// A bound or returned value. Integers stay within ±2^53 because D1 carries them as JavaScript numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Int(n)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Value {
        Value::Real(x)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Int(i64::from(b))
    }
}

impl From<&str> for Value {
    fn from(t: &str) -> Value {
        Value::Text(t.to_string())
    }
}

impl From<String> for Value {
    fn from(t: String) -> Value {
        Value::Text(t)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// One statement with its arguments, bound to `?1`, `?2`, … in order.
#[derive(Clone, Debug)]
pub struct Stmt {
    pub sql: Cow<'static, str>,
    pub args: Vec<Value>,
}

impl Stmt {
    pub fn new(sql: impl Into<Cow<'static, str>>, args: impl IntoIterator<Item = Value>) -> Stmt {
        Stmt { sql: sql.into(), args: args.into_iter().collect() }
    }
}

/// One where several may be given.
impl From<Stmt> for Vec<Stmt> {
    fn from(stmt: Stmt) -> Vec<Stmt> {
        vec![stmt]
    }
}

/// The rows one statement returned.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub columns: Arc<[String]>,
    pub values: Vec<Vec<Value>>,
}

/// One row, read by column name.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    columns: &'a [String],
    values: &'a [Value],
}

impl Rows {
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.values.iter().map(|values| Row { columns: &self.columns, values })
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }
}

impl<'a> Row<'a> {
    pub fn get(&self, column: &str) -> Option<&'a Value> {
        self.columns.iter().position(|c| c == column).and_then(|i| self.values.get(i))
    }

    pub fn text(&self, column: &str) -> Option<&'a str> {
        match self.get(column)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number; engines that know only doubles return it as one.
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.get(column)? {
            Value::Int(n) => Some(*n),
            Value::Real(x) if x.fract() == 0.0 => Some(*x as i64),
            _ => None,
        }
    }

    pub fn flag(&self, column: &str) -> bool {
        self.int(column).is_some_and(|n| n != 0)
    }
}

/// Why a batch failed. In every case nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlError {
    /// A uniqueness rule: `tags.name`.
    Unique(String),
    /// A condition set with `INSERT INTO guard` did not hold: its code.
    Guard(String),
    /// A CHECK, NOT NULL or foreign key rule.
    Constraint(String),
    /// Try again: overloaded, locked or unreachable.
    Busy(String),
    Other(String),
}

impl SqlError {
    /// Classifies SQLite's message, which all engines pass on in some wrapping.
    pub fn of_message(message: &str) -> SqlError {
        let after = |marker: &str| {
            let rest = message.split_once(marker)?.1.trim_start();
            Some(rest.split([' ', ',', '\'', '"', '\n']).next().unwrap_or_default().trim_end_matches(':').to_string())
        };
        if let Some(code) = after("guard:") {
            SqlError::Guard(code)
        } else if let Some(column) = after("UNIQUE constraint failed:") {
            SqlError::Unique(column)
        } else if message.contains("constraint failed") || message.contains("SQLITE_CONSTRAINT") {
            SqlError::Constraint(message.to_string())
        } else if ["database is locked", "SQLITE_BUSY", "overloaded", "Network connection lost", "storage timeout"]
            .iter()
            .any(|sign| message.contains(sign))
        {
            SqlError::Busy(message.to_string())
        } else {
            SqlError::Other(message.to_string())
        }
    }
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SqlError::Unique(column) => write!(f, "{column} is not unique"),
            SqlError::Guard(code) => write!(f, "guard {code} did not hold"),
            SqlError::Constraint(m) | SqlError::Busy(m) | SqlError::Other(m) => f.write_str(m),
        }
    }
}

impl std::error::Error for SqlError {}

#[async_trait]
pub trait Sql: Send + Sync {
    /// Runs the statements in order as one transaction: all of them, or none.
    async fn run(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_engines_are_understood() {
        for (message, error) in [
            ("D1_ERROR: UNIQUE constraint failed: tags.name: SQLITE_CONSTRAINT", SqlError::Unique("tags.name".into())),
            ("UNIQUE constraint failed: a.b, a.c", SqlError::Unique("a.b".into())),
            ("D1_ERROR: guard:not_found: SQLITE_CONSTRAINT", SqlError::Guard("not_found".into())),
            ("guard:forbidden", SqlError::Guard("forbidden".into())),
        ] {
            assert_eq!(SqlError::of_message(message), error);
        }
        assert!(matches!(SqlError::of_message("CHECK constraint failed: x"), SqlError::Constraint(_)));
        assert!(matches!(SqlError::of_message("database is locked"), SqlError::Busy(_)));
        assert!(matches!(SqlError::of_message("no such table: x"), SqlError::Other(_)));
    }
}

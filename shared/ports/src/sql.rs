//! The database port: atomic batches of statements in SQLite's dialect.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Millis;

use crate::Source;

/// A bound or returned value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// Within ±2^53: D1 carries integers as JavaScript numbers.
    Int(i64),
    /// A double.
    Real(f64),
    /// UTF-8.
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

/// Milliseconds since 1970.
impl From<Millis> for Value {
    fn from(time: Millis) -> Value {
        Value::Int(time.0)
    }
}

impl<T: Clone + Into<Value>> From<&T> for Value {
    fn from(value: &T) -> Value {
        value.clone().into()
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// One statement with its arguments, bound to `?1`, `?2`, … in order. Code above this port writes named parameters
/// (`store::Query`), which become these.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// One statement.
    pub sql: Cow<'static, str>,
    /// As many as the statement has parameters.
    pub args: Vec<Value>,
}

impl Stmt {
    /// A statement with its arguments.
    pub fn new(sql: impl Into<Cow<'static, str>>, args: impl IntoIterator<Item = Value>) -> Stmt {
        Stmt { sql: sql.into(), args: args.into_iter().collect() }
    }
}

/// The rows one statement returned.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Names of the columns; empty when there are no rows.
    pub columns: Arc<[String]>,
    /// Each row's values in the order of the columns.
    pub values: Vec<Vec<Value>>,
}

/// One row, read by column name.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    columns: &'a [String],
    values: &'a [Value],
}

impl Rows {
    /// The first row.
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.values.iter().map(|values| Row { columns: &self.columns, values })
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

impl<'a> Row<'a> {
    /// The value of a column.
    pub fn get(&self, column: &str) -> Option<&'a Value> {
        self.columns.iter().position(|c| c == column).and_then(|i| self.values.get(i))
    }

    /// The text in a column; None for anything else.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        match self.get(column)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number in a column. Engines that know only doubles return one of those.
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.get(column)? {
            Value::Int(n) => Some(*n),
            Value::Real(x) if x.fract() == 0.0 => Some(*x as i64),
            _ => None,
        }
    }

    /// True for a number other than 0.
    pub fn flag(&self, column: &str) -> bool {
        self.int(column).is_some_and(|n| n != 0)
    }
}

/// Why a batch failed. In every case nothing of it was written.
#[derive(Clone, Debug)]
pub enum SqlError {
    /// A UNIQUE constraint: its first column, as in `tags.name`.
    Unique(String),
    /// A guard that did not hold: the text after `guard:`.
    Guard(String),
    /// A CHECK, NOT NULL or FOREIGN KEY constraint.
    Constraint(Source),
    /// Overloaded, locked or unreachable: try again.
    Busy(Source),
    /// Anything else.
    Other(Source),
}

impl SqlError {
    /// Classifies an engine's error by SQLite's message, which all engines pass on in some wrapping.
    pub fn classify(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SqlError {
        let error = error.into();
        let message = error.to_string();
        let after = |marker: &str| {
            let rest = message.split_once(marker)?.1.trim_start();
            Some(rest.split([' ', ',', '\'', '"', '\n']).next().unwrap_or_default().trim_end_matches(':').to_string())
        };
        if let Some(code) = after("guard:") {
            SqlError::Guard(code)
        } else if let Some(column) = after("UNIQUE constraint failed:") {
            SqlError::Unique(column)
        } else if message.contains("constraint failed") || message.contains("SQLITE_CONSTRAINT") {
            SqlError::Constraint(Source::new(error))
        } else if ["database is locked", "SQLITE_BUSY", "overloaded", "Network connection lost", "storage timeout"]
            .iter()
            .any(|sign| message.contains(sign))
        {
            SqlError::Busy(Source::new(error))
        } else {
            SqlError::Other(Source::new(error))
        }
    }
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SqlError::Unique(column) => write!(f, "{column} is not unique"),
            SqlError::Guard(code) => write!(f, "guard {code} did not hold"),
            SqlError::Constraint(source) | SqlError::Busy(source) | SqlError::Other(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for SqlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SqlError::Unique(_) | SqlError::Guard(_) => None,
            SqlError::Constraint(source) | SqlError::Busy(source) | SqlError::Other(source) => Some(source),
        }
    }
}

/// The database.

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
        for message in [
            "D1_ERROR: UNIQUE constraint failed: tags.name: SQLITE_CONSTRAINT",
            "UNIQUE constraint failed: tags.name, tags.b",
        ] {
            assert!(matches!(SqlError::classify(message), SqlError::Unique(column) if column == "tags.name"));
        }
        for message in ["D1_ERROR: guard:3: SQLITE_CONSTRAINT", "guard:3", "trigger: guard:3"] {
            assert!(matches!(SqlError::classify(message), SqlError::Guard(code) if code == "3"), "{message}");
        }
        assert!(matches!(SqlError::classify("CHECK constraint failed: x"), SqlError::Constraint(_)));
        assert!(matches!(SqlError::classify("database is locked"), SqlError::Busy(_)));
        assert!(matches!(SqlError::classify("no such table: x"), SqlError::Other(_)));
    }

    #[test]
    fn the_engines_error_is_kept() {
        let error = SqlError::classify(std::io::Error::other("database is locked"));
        assert_eq!(error.to_string(), "database is locked");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn references_bind_as_what_they_refer_to() {
        let (text, none): (String, Option<String>) = ("a".into(), None);
        assert_eq!((Value::from(&text), Value::from(&none)), (Value::Text("a".into()), Value::Null));
        assert_eq!(Value::from(&Some(Millis(5))), Value::Int(5));
    }
}
